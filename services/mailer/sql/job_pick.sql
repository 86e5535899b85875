-- The jobs that fit a filter and may be acted on, oldest first; planned anew for its values.
-- $1 filter (job_fits, job_where), $2 text of a text[]: states that count, $3 limit
select j.job_id
  from job j
 where job_fits(j, $1::jsonb) and job_where(j, $1::jsonb) and j.state = any ($2::text[])
   and j.standing = any (array_replace($2::text[], 'leased', 'ready'))
 order by j.created_at, j.job_id
 limit $3::int
