-- How many jobs fit a filter, at most $2; planned anew for its values.
-- $1 filter (job_fits, job_where), $2 most
select count(*)
  from (select from job j where job_fits(j, $1::jsonb) and job_where(j, $1::jsonb) limit $2::int) j
