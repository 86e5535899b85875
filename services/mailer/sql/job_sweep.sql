-- Ends what must not be tried again: expired links, those that were replaced while a worker
-- died over them, and poison (several workers in a row died over it). Forgets the secrets of
-- links that are past. A bounded batch.
-- $1 crashes that make a poison job
with over as materialized (
    select job_id, state as was, attempt, worker, claimed_at, lease_until,
           case when expires_at <= now() then 'expired'
                when job_is_replaced(j) then 'suppressed'
                else 'dead' end as state
      from job j
     where finished_at is null
       and ((state = 'ready' and expires_at <= now())
            or (state = 'leased' and lease_until < now()
                and (expires_at <= now() or crashes + 1 >= $1::int or job_is_replaced(j))))
     order by run_at
     limit 500
       for update skip locked
), ended as (
    update job j
       set state = o.state, finished_at = now(), lease_token = null, lease_until = null,
           crashes = j.crashes + case when o.was = 'leased' then 1 else 0 end,
           secret_sealed = case when o.state = 'dead' then secret_sealed end,
           last_error = case o.state
                             when 'dead' then 'every worker that took it died over it'
                             when 'suppressed' then 'a newer link took its place'
                             else coalesce(j.last_error, 'the link expired') end
      from over o
     where j.job_id = o.job_id
 returning j.job_id, j.state, j.template, j.attempt, j.recipient
), lost as (
    insert into attempt (job_id, attempt, at, worker, phase, text, duration_ms)
    select job_id, attempt, coalesce(claimed_at, lease_until), coalesce(worker, ''), 'lost',
           'the lease ran out: this worker died or hung',
           least(extract(epoch from lease_until - coalesce(claimed_at, lease_until)) * 1000,
                 2000000000)::int
      from over
     where was = 'leased'
        on conflict do nothing
), counted as (
    insert into tally (template, domain, outcome, n, state, delta)
    select template, lower(split_part(recipient, '@', -1)), state, count(*), state, count(*)
      from ended group by 1, 2, 3
), forgotten as (
    update job
       set secret_sealed = null
     where job_id in (select job_id
                        from job
                       where standing in ('dead', 'expired', 'revoked')
                         and secret_sealed is not null and expires_at <= now()
                       limit 500)
)
select job_id, state, template, attempt from ended
