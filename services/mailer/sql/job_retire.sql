-- Retention, a batch at a time: finished jobs after 30 days, the inbox after 90, operators'
-- actions and the counts for charts after 400, counts by domain after 35.
with jobs as (
    delete from job
     where job_id in (select job_id
                        from job
                       where standing in ('sent', 'dead', 'expired', 'suppressed', 'revoked')
                         and created_at < now() - interval '30 days'
                         and finished_at < now() - interval '30 days'
                       limit 1000)
 returning state
), counted as (
    insert into tally (template, domain, outcome, n, state, delta)
    select '', '', 'retired', 0, state, -count(*) from jobs group by state
), events as (
    delete from inbox
     where event_id in (select event_id
                          from inbox
                         where received_at < now() - interval '90 days'
                         limit 1000)
), acts as (
    delete from action
     where id in (select id from action where at < now() - interval '400 days' limit 1000)
), hours as (
    delete from mail_hour where hour < now() - interval '400 days'
), domains as (
    delete from domain_hour where hour < now() - interval '35 days'
)
select 1
