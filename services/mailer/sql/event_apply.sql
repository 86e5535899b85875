-- A batch of events: inbox, jobs and cursor in one statement. Nothing happens unless the
-- cursor stands where the batch begins; the cursor's row lock is what racing replicas
-- queue on, and `spot` reads the row as it is once the lock is held. A new link makes the
-- ones before it void, so their mails, when they still wait, are not sent any more.
-- $1 stream, $2 epoch, $3 after, $4 last, $5 inbox rows, $6 job rows
with spot as materialized (
    select seq, seq = $3::bigint and epoch in ('', $2::text) as fits
      from cursor
     where stream = $1
       for update
), taken as (
    insert into inbox (event_id, stream, epoch, seq, type, state, published_at)
    select e.event_id, $1, $2, e.seq, e.type, e.state, e.published_at
      from spot,
           jsonb_to_recordset($5::jsonb)
           as e (event_id uuid, seq bigint, type text, state text,
                 published_at timestamptz)
     where spot.fits
        on conflict do nothing
), asked as materialized (
    select j.*
      from spot,
           jsonb_to_recordset($6::jsonb)
           as j (job_id uuid, event_id uuid, template text, recipient text, params jsonb,
                 sealed text, message_id text, event_created_at timestamptz,
                 expires_at timestamptz, request_id text, trace_id text, user_id bigint,
                 replaces boolean)
     where spot.fits
), jobs as (
    insert into job (job_id, event_id, template, recipient, params, secret_sealed,
                     message_id, event_created_at, expires_at, request_id, trace_id,
                     user_id)
    select j.job_id, j.event_id, j.template, j.recipient, j.params,
           decode(j.sealed, 'hex'), j.message_id, j.event_created_at, j.expires_at,
           decode(j.request_id, 'hex'), decode(j.trace_id, 'hex'), j.user_id
      from asked j
        on conflict do nothing
 returning job_id, template, recipient
), replaced as (
    update job o
       set state = 'suppressed', finished_at = now(), secret_sealed = null,
           last_error = 'a newer link took its place'
      from asked a
     where a.replaces and o.user_id = a.user_id and o.template = a.template
       and o.state = 'ready' and o.job_id <> a.job_id
       and o.event_created_at < a.event_created_at
 returning o.template, o.recipient
), counted as (
    insert into tally (template, domain, outcome, n, state, delta)
    select template, lower(split_part(recipient, '@', -1)), 'queued', count(*), null, 0
      from jobs group by 1, 2
    union all
    select template, lower(split_part(recipient, '@', -1)), 'suppressed', count(*),
           'suppressed', count(*)
      from replaced group by 1, 2
), moved as (
    update cursor c
       set seq = $4::bigint, epoch = $2
      from spot
     where c.stream = $1 and spot.fits
 returning c.seq
)
select spot.fits, coalesce((select seq from moved), spot.seq), (select count(*) from jobs)
  from spot
