-- The same mails once more: what was given up (while its link lives and is the newest) and
-- what waits for a later try becomes due now. Says of every job what came of it.
-- $1 jobs, $2 actor, $3 reason, $4 detail, $5 true to only look
with wanted as (
    select distinct job_id from unnest($1::uuid[]) job_id
), seen as materialized (
    select j.job_id, j.state, j.template, j.recipient,
           case when j.state = 'ready' and j.run_at <= now() then 'it is due already'
                when j.state = 'leased' then 'it is being sent'
                when j.state in ('sent', 'suppressed') then 'it is ' || j.state
                when j.expires_at <= now() then 'its link has expired'
                when job_is_replaced(j) then 'a newer link has replaced it' end as why
      from job j
     where j.job_id in (select job_id from wanted)
     order by j.job_id
       for update
), done as (
    update job j
       set state = 'ready', run_at = now(), finished_at = null, crashes = 0,
           forgiven = case when j.state = 'ready' then j.forgiven else j.attempt end
      from seen s
     where j.job_id = s.job_id and s.why is null and not $5::boolean
 returning j.job_id
), act as (
    insert into action (method, actor, reason, detail)
    select 'mailer.jobs.retry', $2, $3,
           $4::jsonb || jsonb_build_object('jobs', (select count(*) from done))
     where exists (select from done)
 returning id
), linked as (
    insert into action_job (job_id, action_id, was)
    select s.job_id, a.id, s.state from act a, seen s where s.why is null
), counted as (
    insert into tally (template, domain, outcome, n, state, delta)
    select s.template, lower(split_part(s.recipient, '@', -1)), 'requeued', count(*),
           nullif(s.state, 'ready'), case when s.state = 'ready' then 0 else -count(*) end
      from seen s join done d on d.job_id = s.job_id
     group by s.template, 2, s.state
)
select w.job_id, s.recipient, case when s.job_id is null then 'there is no such mail'
                                   else s.why end,
       (select id from act)
  from wanted w left join seen s on s.job_id = w.job_id
 order by w.job_id
