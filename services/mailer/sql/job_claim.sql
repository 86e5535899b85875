-- Takes up to $1 due jobs under a lease, in their order. None when the queue is paused; when
-- it has a rate, its row is locked, so that all replicas take from one bucket, which fills
-- with per_minute tokens a minute and holds those of a second (at least one).
--
-- A job whose lease ran out is a suspect: its worker died or hung, perhaps because of it.
-- That is noted as an attempt that was lost, and the job is taken alone, by a worker that has
-- nothing else in hand: so only what kills workers counts crashes, not its neighbours. Claims
-- stop in front of it, so that it has its turn. What job_sweep will end is left alone.
-- body_at says that the body may be on the wire: a young lease needs no job_renew before it.
-- $1 how many, $2 worker, $3 lease in ms, $4 crashes that make a poison job, $5 true when
-- the worker has nothing in hand
with paced as materialized (
    select least(greatest(per_minute / 60.0, 1),
                 tokens + per_minute / 60.0
                          * greatest(extract(epoch from now() - tokens_at), 0)) as tokens
      from queue
     where not paused and per_minute is not null
       for update
), room as materialized (
    select least($1::int, floor(tokens)::int) as n from paced
    union all
    select $1::int from queue where not paused and per_minute is null
), front as materialized (
    select job_id, run_at, state = 'leased' as lost, state = 'leased' or crashes > 0 as suspect,
           attempt, worker, claimed_at, lease_until
      from job j
     where finished_at is null and run_at <= now()
       and (state = 'ready' or (state = 'leased' and lease_until < now()))
       and (expires_at is null or expires_at > now())
       and not (state = 'leased' and (crashes + 1 >= $4::int or job_is_replaced(j)))
     order by finished_at, run_at, job_id -- as job_due, and no other index
     limit coalesce((select max(n) from room), 0)
       for update skip locked
), numbered as (
    select *, row_number() over (order by run_at, job_id) as nth from front
), pick as materialized (
    select *
      from numbered
     where case when suspect then nth = 1 and $5::boolean
                else nth < coalesce((select min(nth) from numbered where suspect), nth + 1)
           end
), spent as (
    update queue
       set tokens = paced.tokens - (select count(*) from pick),
           tokens_at = greatest(tokens_at, now())
      from paced
), noted as (
    insert into attempt (job_id, attempt, at, worker, phase, text, duration_ms)
    select job_id, attempt, coalesce(claimed_at, lease_until), coalesce(worker, ''), 'lost',
           'the lease ran out: this worker died or hung',
           least(extract(epoch from lease_until - coalesce(claimed_at, lease_until)) * 1000,
                 2000000000)::int
      from pick
     where lost
        on conflict do nothing
)
update job j
   set state = 'leased', lease_token = gen_random_uuid(),
       lease_until = now() + $3::bigint * interval '1 millisecond',
       attempt = j.attempt + 1, worker = $2, claimed_at = now(), body_at = now(),
       crashes = j.crashes + case when p.lost then 1 else 0 end
  from pick p
 where j.job_id = p.job_id
returning j.job_id, j.lease_token, j.template, j.recipient, j.params,
          encode(j.secret_sealed, 'hex'), j.message_id, j.attempt,
          (extract(epoch from j.event_created_at) * 1000000)::bigint,
          (extract(epoch from j.expires_at) * 1000000)::bigint,
          encode(j.request_id, 'hex'), encode(j.trace_id, 'hex'), j.event_id,
          j.attempt - j.forgiven, p.suspect
