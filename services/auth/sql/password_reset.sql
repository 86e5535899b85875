-- Sets a password by the mailed secret. The update is the lock, and after a wait it looks
-- again whether the link still is the one that counts, so a link works once. Raising uv
-- and session_min_uv ends every session, found or not.
-- $1 hash  $2 user id or null  $3 password hash  $4 now  $5 event id  $6 request id
-- $7 trace id  $8 span id  $9 client address  $10 identity  $11 network
-- The link proves who it is: locks of the old password end, and the network it came from
-- is known. (The row of all networks is left alone: login_reserve locks it last.)
with u as (
    update users x
       set password = $3, reset_link = null, uv = x.uv + 1, session_min_uv = x.uv + 1
      from email_token t
     where t.hash = $1 and t.purpose = 'reset' and t.expires_at > $4::timestamptz
       and x.id = t.user_id and x.reset_link = $1 and x.is_active
       and x.id = coalesce($2::bigint, x.id)
 returning x.id, x.username, x.email, x.uv
), guards as (
    select g.identity, g.network
      from login_guard g, u
     where g.identity = $10::bytea and g.network <> '*'
     order by g.network
       for update of g
), unlocked as (
    delete from login_guard g using guards
     where g.identity = guards.identity and g.network = guards.network
), known as (
    insert into login_network as n (user_id, network, seen_at)
    select u.id, $11::text, $4::timestamptz from u where $11 <> 'none'
        on conflict (user_id, network) do update set seen_at = excluded.seen_at
), used as (
    update email_token t set used_at = $4::timestamptz from u where t.hash = $1
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload, created_at,
                        request_id, trace_id, span_id, actor_id)
    select $5::uuid, 'user', u.id, 'user.password_changed', 1,
           jsonb_build_object('user_id', u.id, 'username', u.username, 'email', u.email,
                              'uv', u.uv, 'min_uv', u.uv),
           $4::timestamptz, $6::bytea, $7::bytea, $8::bytea, u.id
      from u
), held as (
    insert into revocation (created_at, user_id, min_uv, cause)
    select $4::timestamptz, u.id, u.uv, 'ended' from u
), trail as (
    insert into audit (at, event, actor_id, target_id, client_address, request_id)
    select $4::timestamptz, 'password.reset', u.id, u.id, nullif($9::text, ''), $6::bytea
      from u
)
select id from u
