-- Takes the oldest request. When its address belongs to somebody who may have the link,
-- the link, its event and the audit row appear; otherwise nothing does. The update is the
-- lock: two requests for one address are decided one after the other, by the row as it
-- then is, so the second one finds the first one's link too young.
-- $1 now  $2 link hash  $3 sealed  $4 event id  $5 link base  $6 verify link expires
-- $7 reset link expires  $8 a link sent later than this is too young to be replaced
with q as materialized (
    select * from link_request order by id limit 1 for update skip locked
), taken as (
    delete from link_request r using q where r.id = q.id
), u as (
    update users x
       set verify_link = case q.purpose when 'verify' then $2::bytea else verify_link end,
           verify_sent_at = case q.purpose when 'verify' then $1::timestamptz
                                 else verify_sent_at end,
           reset_link = case q.purpose when 'reset' then $2::bytea else reset_link end,
           reset_sent_at = case q.purpose when 'reset' then $1::timestamptz
                                else reset_sent_at end
      from q
     where x.email_key = q.email_key and x.is_active
       and case q.purpose
                when 'verify' then not x.is_verified
                                   and coalesce(x.verify_sent_at <= $8::timestamptz, true)
                else coalesce(x.reset_sent_at <= $8::timestamptz, true)
           end
 returning x.id, x.username, x.email, q.purpose, q.client_address, q.request_id,
           q.trace_id, q.span_id,
           case q.purpose when 'verify' then $6::timestamptz
                else $7::timestamptz end as expires_at,
           case q.purpose when 'verify' then 'user.verification_requested'
                else 'user.password_reset_requested' end as event
), link as (
    insert into email_token (hash, user_id, purpose, created_at, expires_at)
    select $2::bytea, u.id, u.purpose, $1::timestamptz, u.expires_at from u
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload,
                        secret_sealed, created_at, request_id, trace_id, span_id,
                        expires_at)
    select $4::uuid, 'user', u.id, u.event, 1,
           jsonb_build_object('user_id', u.id, 'username', u.username, 'email', u.email,
                              'link_base', $5::text),
           $3::bytea, $1::timestamptz, u.request_id, u.trace_id, u.span_id, u.expires_at
      from u
), trail as (
    insert into audit (at, event, target_id, client_address, request_id)
    select $1::timestamptz, u.event, u.id, u.client_address, u.request_id from u
)
select (select count(*) from u) from q
