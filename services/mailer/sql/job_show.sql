-- One job with what its timeline is made of: the job's own columns, the inbox row and one
-- row an attempt (at least one row, with nulls when nothing was tried). The first columns
-- are those of job_list.sql.
-- $1 job
select j.job_id, j.event_id, j.template, j.recipient, j.state, j.attempt,
       to_char(j.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(j.run_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(j.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       j.last_code, j.last_error, j.worker, j.user_id,
       to_char(j.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       encode(j.request_id, 'hex'),
       to_char(j.claimed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       encode(j.trace_id, 'hex'), j.message_id, j.params,
       (extract(epoch from j.event_created_at) * 1000000)::bigint,
       (extract(epoch from j.expires_at) * 1000000)::bigint,
       to_char(j.event_created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(i.published_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(i.received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), i.seq,
       i.type,
       to_char(j.lease_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       j.last_phase, j.uncertain, j.crashes,
       (j.expires_at > now() or j.expires_at is null) and not job_is_replaced(j),
       j.forgiven,
       (select json_agg(json_build_object(
                   'id', c.id, 'method', c.method, 'actor', c.actor, 'reason', c.reason,
                   'at', to_char(c.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
                   order by c.id)
          from action_job l join action c on c.id = l.action_id
         where l.job_id = j.job_id),
       to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), a.worker,
       a.phase, a.code, a.text, a.duration_ms, a.attempt, a.dialogue,
       to_char((a.at + a.duration_ms * interval '1 millisecond') at time zone 'UTC',
               'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  from job j
  left join inbox i on i.event_id = j.event_id
  left join attempt a on a.job_id = j.job_id
 where j.job_id = $1::uuid
 order by a.attempt
