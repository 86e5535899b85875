-- Confirms an address by the newest mailed secret. The user's row is locked first; the
-- answer says whether it had been verified before.
-- $1 hash  $2 now  $3 event id  $4 request id  $5 trace id  $6 span id  $7 client address
with u as (
    select x.id, x.username, x.email, x.is_verified
      from users x join email_token t on t.user_id = x.id
     where t.hash = $1 and t.purpose = 'verify' and t.expires_at > $2
       and x.verify_link = $1 and x.is_active
       for update of x
), v as (
    update users x set is_verified = true
      from u
     where x.id = u.id and not u.is_verified
 returning x.id, x.username, x.email
), used as (
    update email_token t set used_at = $2
      from v
     where t.hash = $1
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload, created_at,
                        request_id, trace_id, span_id, actor_id)
    select $3::uuid, 'user', v.id, 'user.verified', 1,
           jsonb_build_object('user_id', v.id, 'username', v.username, 'email', v.email),
           $2, $4::bytea, $5::bytea, $6::bytea, v.id
      from v
), trail as (
    insert into audit (at, event, actor_id, target_id, client_address, request_id)
    select $2, 'email.verified', v.id, v.id, nullif($7::text, ''), $4::bytea from v
)
select u.id, u.is_verified from u
