-- Retention, a batch at a time: finished jobs after 30 days, the inbox after 90.
with jobs as (
    delete from job
     where job_id in (select job_id
                        from job
                       where state in ('sent', 'dead', 'expired', 'suppressed')
                         and created_at < now() - interval '30 days'
                         and finished_at < now() - interval '30 days'
                       limit 1000)
), events as (
    delete from inbox
     where event_id in (select event_id
                          from inbox
                         where received_at < now() - interval '90 days'
                         limit 1000)
)
select 1
