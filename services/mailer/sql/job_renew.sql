-- May the body go out now? No row: the lease is somebody else's, do not send.
-- $1 job, $2 lease token, $3 lease in ms
update job
   set lease_until = now() + $3::bigint * interval '1 millisecond', body_at = now()
 where job_id = $1 and lease_token = $2 and state = 'leased'
returning job_id
