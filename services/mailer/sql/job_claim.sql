-- Takes up to $1 due jobs under a lease. Also those whose lease ran out: their worker died
-- or hung. What job_sweep will end is left alone.
-- $1 how many, $2 worker, $3 lease in ms, $4 crashes that make a poison job
with pick as materialized (
    select job_id
      from job
     where ((state = 'ready' and run_at <= now())
            or (state = 'leased' and lease_until < now()))
       and (expires_at is null or expires_at > now())
       and not (attempt >= $4::int and last_code is null and state = 'leased')
     order by run_at, job_id
     limit $1::int
       for update skip locked
)
update job j
   set state = 'leased', lease_token = gen_random_uuid(),
       lease_until = now() + $3::bigint * interval '1 millisecond',
       attempt = j.attempt + 1, worker = $2
  from pick
 where j.job_id = pick.job_id
returning j.job_id, j.lease_token, j.template, j.recipient, j.params,
          encode(j.secret_sealed, 'hex'), j.message_id, j.attempt,
          (extract(epoch from j.event_created_at) * 1000000)::bigint,
          (extract(epoch from j.expires_at) * 1000000)::bigint,
          encode(j.request_id, 'hex'), encode(j.trace_id, 'hex'), j.event_id
