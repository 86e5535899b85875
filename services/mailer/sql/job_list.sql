-- A page, newest first.
-- $1 state or null, $2 part of the recipient or null, $3 created before (microseconds) or
-- null, $4 and with a job id below, $5 limit
select job_id, event_id, template, recipient, state, attempt,
       to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(run_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       last_code, last_error, worker, (extract(epoch from created_at) * 1000000)::bigint
  from job
 where ($1::text is null or state = $1)
   and ($2::text is null or position(lower($2) in lower(recipient)) > 0)
   and ($3::bigint is null
        or (created_at, job_id)
           < (timestamptz 'epoch' + $3::bigint * interval '1 microsecond', $4::uuid))
 order by created_at desc, job_id desc
 limit $5::int
