-- Mails that are not to go out any more. One whose body may be on the wire is left alone;
-- a worker that holds another finds its lease gone and sends nothing.
-- $1 jobs, $2 actor, $3 reason, $4 detail, $5 true to only look
with wanted as (
    select distinct job_id from unnest($1::uuid[]) job_id
), seen as materialized (
    select j.job_id, j.state, j.template, j.attempt, j.recipient,
           case when j.state = 'leased' and j.body_at is not null
                     and j.lease_until > now() then 'it is being sent'
                when j.state not in ('ready', 'leased') then 'it is ' || j.state end as why
      from job j
     where j.job_id in (select job_id from wanted)
     order by j.job_id
       for update
), done as (
    update job j
       set state = 'revoked', finished_at = now(), lease_token = null, lease_until = null,
           last_error = left('revoked by ' || $2::text || ': ' || $3::text, 250)
      from seen s
     where j.job_id = s.job_id and s.why is null and not $5::boolean
 returning j.job_id
), act as (
    insert into action (method, actor, reason, detail)
    select 'mailer.jobs.revoke', $2, $3,
           $4::jsonb || jsonb_build_object('jobs', (select count(*) from done))
     where exists (select from done)
 returning id
), linked as (
    insert into action_job (job_id, action_id, was)
    select s.job_id, a.id, s.state from act a, seen s where s.why is null
), counted as (
    insert into tally (template, domain, outcome, n, state, delta)
    select s.template, lower(split_part(s.recipient, '@', -1)), 'revoked', count(*),
           'revoked', count(*)
      from seen s join done d on d.job_id = s.job_id
     group by 1, 2
)
select w.job_id, s.recipient, case when s.job_id is null then 'there is no such mail'
                                   else s.why end,
       (select id from act), s.template, s.attempt
  from wanted w left join seen s on s.job_id = w.job_id
 order by w.job_id
