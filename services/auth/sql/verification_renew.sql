-- An operator sends the verification mail again, perhaps to a corrected address. The
-- user's row is locked first and decides; the old link is void, and with the address also
-- the link of a reset, which went to a mailbox that is not the owner's.
-- $1 user  $2 now  $3 link hash  $4 sealed  $5 event id  $6 link base  $7 link expires
-- $8 actor  $9 reason  $10 request id  $11 trace id  $12 span id  $13 client address
-- $14 new address or null  $15 its key
-- Gives missing, inactive, verified, no_address or done.
with x as materialized (
    select id, email, is_active, is_verified from users where id = $1::bigint for update
), verdict as (
    select id, email,
           case when not is_active then 'inactive'
                when is_verified then 'verified'
                when coalesce($14::text, email) = '' then 'no_address'
                else 'done' end as what
      from x
), u as (
    update users t
       set verify_link = $3::bytea, verify_sent_at = $2::timestamptz,
           email = coalesce($14::text, t.email),
           email_key = case when $14::text is null then t.email_key else $15::text end,
           reset_link = case when $14::text is null then t.reset_link end
      from verdict v
     where t.id = v.id and v.what = 'done'
 returning t.id, t.username, t.email
), link as (
    insert into email_token (hash, user_id, purpose, created_at, expires_at)
    select $3::bytea, u.id, 'verify', $2::timestamptz, $7::timestamptz from u
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload,
                        secret_sealed, created_at, request_id, trace_id, span_id, actor_id,
                        expires_at)
    select $5::uuid, 'user', u.id, 'user.verification_requested', 1,
           jsonb_build_object('user_id', u.id, 'username', u.username, 'email', u.email,
                              'link_base', $6::text),
           $4::bytea, $2::timestamptz, $10::bytea, $11::bytea, $12::bytea, $8::bigint,
           $7::timestamptz
      from u
), trail as (
    insert into audit (at, event, actor_id, target_id, client_address, request_id, detail)
    select $2::timestamptz,
           case when $14::text is null then 'verification.resent' else 'email.corrected' end,
           $8::bigint, u.id, nullif($13::text, ''), $10::bytea,
           jsonb_build_object('reason', $9::text)
           || case when $14::text is null then '{}'
                   else jsonb_build_object('was', v.email, 'is', u.email) end
      from u, verdict v
)
select coalesce((select what from verdict), 'missing'), (select email from u)
