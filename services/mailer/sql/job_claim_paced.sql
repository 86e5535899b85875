-- As job_claim.sql, when the queue has a rate: its row is locked, so that all replicas take
-- from one bucket. It fills with per_minute tokens a minute and holds those of a second
-- (at least one); a claim takes one.
-- $1 how many, $2 worker, $3 lease in ms, $4 crashes that make a poison job, $5 true when
-- no job_renew will ask before the body
with q as materialized (
    select least(greatest(per_minute / 60.0, 1),
                 tokens + per_minute / 60.0
                          * greatest(extract(epoch from now() - tokens_at), 0)) as tokens
      from queue
     where not paused and per_minute is not null
       for update
), pick as materialized (
    select j.job_id, j.state as was, j.attempt, j.worker, j.claimed_at, j.lease_until
      from job j, q
     where ((j.state = 'ready' and j.run_at <= now())
            or (j.state = 'leased' and j.lease_until < now()))
       and (j.expires_at is null or j.expires_at > now())
       and not (j.state = 'leased' and j.crashes + 1 >= $4::int)
     order by j.run_at, j.job_id
     limit (select least($1::int, floor(tokens)::int) from q)
       for update of j skip locked
), spent as (
    update queue
       set tokens = q.tokens - (select count(*) from pick),
           tokens_at = greatest(tokens_at, now())
      from q
), lost as (
    insert into attempt (job_id, attempt, at, worker, phase, text, duration_ms)
    select job_id, attempt, coalesce(claimed_at, lease_until), coalesce(worker, ''), 'lost',
           'the lease ran out: this worker died or hung',
           least(extract(epoch from lease_until - coalesce(claimed_at, lease_until)) * 1000,
                 2000000000)::int
      from pick
     where was = 'leased'
        on conflict do nothing
)
update job j
   set state = 'leased', lease_token = gen_random_uuid(),
       lease_until = now() + $3::bigint * interval '1 millisecond',
       attempt = j.attempt + 1, worker = $2, claimed_at = now(),
       crashes = j.crashes + case when p.was = 'leased' then 1 else 0 end,
       body_at = case when $5::boolean then now() end
  from pick p
 where j.job_id = p.job_id
returning j.job_id, j.lease_token, j.template, j.recipient, j.params,
          encode(j.secret_sealed, 'hex'), j.message_id, j.attempt,
          (extract(epoch from j.event_created_at) * 1000000)::bigint,
          (extract(epoch from j.expires_at) * 1000000)::bigint,
          encode(j.request_id, 'hex'), encode(j.trace_id, 'hex'), j.event_id,
          j.attempt - j.forgiven
