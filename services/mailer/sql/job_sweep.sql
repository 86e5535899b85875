-- Ends what must not be tried again: expired links, and poison (several workers died over
-- it without an answer). Forgets secrets of dead jobs whose link is past. A bounded batch.
-- $1 crashes that make a poison job
with over as materialized (
    select job_id, state as was, attempt, worker,
           case when expires_at <= now() then 'expired' else 'dead' end as state
      from job
     where (state = 'ready' and expires_at <= now())
        or (state = 'leased' and lease_until < now()
            and (expires_at <= now() or (attempt >= $1::int and last_code is null)))
     order by run_at
     limit 500
       for update skip locked
), ended as (
    update job j
       set state = o.state, finished_at = now(), lease_token = null, lease_until = null,
           secret_sealed = case when o.state = 'dead' then secret_sealed end,
           last_error = case when o.state = 'dead'
                             then 'every worker that took it died before an answer'
                             else coalesce(j.last_error, 'the link expired') end
      from over o
     where j.job_id = o.job_id
 returning j.job_id, j.state, j.template, j.attempt
), forgotten as (
    update job
       set secret_sealed = null
     where job_id in (select job_id
                        from job
                       where state = 'dead' and secret_sealed is not null
                         and expires_at <= now()
                       limit 500)
)
select job_id, state, template, attempt from ended
