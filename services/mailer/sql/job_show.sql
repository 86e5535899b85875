-- One job with what its timeline is made of: the job's own columns, the inbox row and one
-- row an attempt (at least one row, with nulls when nothing was tried).
-- $1 job
select j.job_id, j.event_id, j.template, j.recipient, j.state, j.attempt,
       to_char(j.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(j.run_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(j.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       j.last_code, j.last_error, j.worker, j.message_id, encode(j.request_id, 'hex'),
       j.params,
       to_char(j.event_created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       (extract(epoch from j.expires_at) * 1000000)::bigint,
       to_char(i.received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), i.seq,
       to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), a.worker,
       a.phase, a.code, a.text, a.duration_ms, a.attempt
  from job j
  left join inbox i on i.event_id = j.event_id
  left join attempt a on a.job_id = j.job_id
 where j.job_id = $1::uuid
 order by a.attempt
