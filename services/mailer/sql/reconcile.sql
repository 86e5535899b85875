-- What became of events somebody should have had a mail for, in their order. Settled is
-- what needs nobody's attention; a mail that is younger than the grace is on its way.
-- $1 events, as auth.mail.expected gives them; $2 grace in seconds
with e as materialized (
    select e.*, t.nth
      from jsonb_array_elements($1::jsonb) with ordinality t (item, nth),
           jsonb_to_record(t.item)
           as e (event_id uuid, seq bigint, type text, user_id bigint, username text,
                 email text, created_at timestamptz, expires_at timestamptz,
                 "exists" boolean, active boolean, verified boolean)
), found as (
    select e.*, j.job_id, j.template, j.state, j.attempt, j.last_code, j.last_error, j.run_at,
           case
             when e.email = '' then 'no_address'
             when j.state = 'sent' then 'sent'
             when not e.exists then 'user_deleted'
             when not e.active then 'user_inactive'
             when e.verified and e.type in ('user.registered',
                                            'user.verification_requested')
                  then 'verified'
             when j.job_id is null and i.state = 'ignored' then 'ignored'
             when j.job_id is null and i.state = 'taken' then 'retired'
             when j.job_id is null and e.seq is null then 'not_published'
             when j.job_id is null and e.seq > c.seq then 'not_pulled'
             when j.job_id is null then 'lost'
             when exists (select
                            from job k
                           where k.user_id = j.user_id and k.template = j.template
                             and k.event_created_at > j.event_created_at) then 'replaced'
             when j.state in ('ready', 'leased') then 'waiting'
             else j.state
           end as reason
      from e
      cross join cursor c
      left join inbox i on i.event_id = e.event_id
      left join job j on j.event_id = e.event_id
     where c.stream = 'user'
)
select event_id, seq, type, user_id, username, email,
       to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       job_id, template, state, attempt, last_code, last_error,
       to_char(run_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       case when reason in ('not_published', 'not_pulled', 'waiting')
                 and created_at > now() - $2::int * interval '1 second' then 'on_its_way'
            else reason end
  from found
 order by nth
