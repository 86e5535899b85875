-- A page of jobs. Each branch walks one index in one direction. The statement is planned
-- anew for its values: only the branch asked for is left of it, and an index that finds
-- few rows is taken instead where the filter has one.
-- $1 created | run | finished | attempt, $2 desc | asc, $3 filter (job_fits, job_where); the
-- page lies behind the row with $4 this time ('infinity': not finished) or $5 so many attempts
-- that have ended, and $6 this job (all null: the first page); $7 how many rows that fit
-- (job_fits) are held against the condition (job_where), $8 how many come back. The last of $7
-- comes back in any case, so that the next page can begin behind it.
select j.job_id, j.event_id, j.template, j.recipient, j.state, j.attempt,
       to_char(j.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(j.run_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(j.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       j.last_code, j.last_error, j.worker, j.user_id,
       to_char(j.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       encode(j.request_id, 'hex'),
       to_char(j.claimed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       case $1 when 'attempt' then j.ended
               when 'run' then (extract(epoch from j.run_at) * 1000000)::bigint
               when 'created' then (extract(epoch from j.created_at) * 1000000)::bigint
               when 'finished' then
                   coalesce((extract(epoch from j.finished_at) * 1000000)::bigint, -1)
       end,
       j.nth, j.meant
  from (
    (select j.*, row_number() over (order by j.created_at desc, j.job_id desc) as nth, job_where(j, $3::jsonb) as meant
       from job j
      where $1 = 'created' and $2 = 'desc' and job_fits(j, $3::jsonb)
        and ($4::timestamptz is null or (j.created_at, j.job_id) < ($4::timestamptz, $6::uuid))
      order by j.created_at desc, j.job_id desc limit $7::int)
    union all
    (select j.*, row_number() over (order by j.created_at asc, j.job_id asc) as nth, job_where(j, $3::jsonb) as meant
       from job j
      where $1 = 'created' and $2 = 'asc' and job_fits(j, $3::jsonb)
        and ($4::timestamptz is null or (j.created_at, j.job_id) > ($4::timestamptz, $6::uuid))
      order by j.created_at asc, j.job_id asc limit $7::int)
    union all
    (select j.*, row_number() over (order by j.run_at desc, j.job_id desc) as nth, job_where(j, $3::jsonb) as meant
       from job j
      where $1 = 'run' and $2 = 'desc' and job_fits(j, $3::jsonb)
        and ($4::timestamptz is null or (j.run_at, j.job_id) < ($4::timestamptz, $6::uuid))
      order by j.run_at desc, j.job_id desc limit $7::int)
    union all
    (select j.*, row_number() over (order by j.run_at asc, j.job_id asc) as nth, job_where(j, $3::jsonb) as meant
       from job j
      where $1 = 'run' and $2 = 'asc' and job_fits(j, $3::jsonb)
        and ($4::timestamptz is null or (j.run_at, j.job_id) > ($4::timestamptz, $6::uuid))
      order by j.run_at asc, j.job_id asc limit $7::int)
    union all
    (select j.*, row_number() over (order by coalesce(j.finished_at, 'infinity') desc, j.job_id desc) as nth, job_where(j, $3::jsonb) as meant
       from job j
      where $1 = 'finished' and $2 = 'desc' and job_fits(j, $3::jsonb)
        and ($4::timestamptz is null or (coalesce(j.finished_at, 'infinity'), j.job_id) < ($4::timestamptz, $6::uuid))
      order by coalesce(j.finished_at, 'infinity') desc, j.job_id desc limit $7::int)
    union all
    (select j.*, row_number() over (order by coalesce(j.finished_at, 'infinity') asc, j.job_id asc) as nth, job_where(j, $3::jsonb) as meant
       from job j
      where $1 = 'finished' and $2 = 'asc' and job_fits(j, $3::jsonb)
        and ($4::timestamptz is null or (coalesce(j.finished_at, 'infinity'), j.job_id) > ($4::timestamptz, $6::uuid))
      order by coalesce(j.finished_at, 'infinity') asc, j.job_id asc limit $7::int)
    union all
    (select j.*, row_number() over (order by j.ended desc, j.job_id desc) as nth, job_where(j, $3::jsonb) as meant
       from job j
      where $1 = 'attempt' and $2 = 'desc' and job_fits(j, $3::jsonb)
        and ($5::int is null or (j.ended, j.job_id) < ($5::int, $6::uuid))
      order by j.ended desc, j.job_id desc limit $7::int)
    union all
    (select j.*, row_number() over (order by j.ended asc, j.job_id asc) as nth, job_where(j, $3::jsonb) as meant
       from job j
      where $1 = 'attempt' and $2 = 'asc' and job_fits(j, $3::jsonb)
        and ($5::int is null or (j.ended, j.job_id) > ($5::int, $6::uuid))
      order by j.ended asc, j.job_id asc limit $7::int)
  ) j
 where j.meant or j.nth = $7::int
 order by j.nth
 limit $8::int
