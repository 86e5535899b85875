-- What all replicas obey.
select paused, paused_by, paused_why,
       to_char(paused_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       connections, per_minute, changed_by,
       to_char(changed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  from queue
