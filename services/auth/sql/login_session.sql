-- A login: the update is the lock, and after a wait it looks again whether the account
-- still is active and still has the password that was checked, so that no login slips
-- past a reset. It also records last_login and the better hash. (A share lock first and an
-- update later in the same transaction would deadlock two logins of one user.)
-- $1 user id  $2 the hash that was checked  $3 new hash or null  $4 now  $5 sid  $6 jti
-- $7 expires  $8 user agent  $9 client address  $10 request id  $11 identity  $12 network
-- $13 also all networks
-- The failures of this network are forgiven; attempts of others that are still under way
-- stay counted. The network is known from now on.
with u as (
    update users
       set last_login = $4, password = coalesce($3::text, password)
     where id = $1 and password = $2 and is_active
 returning id, username, role, uv
), s as (
    insert into session (sid, user_id, uv, created_at, expires_at, user_agent,
                         client_address)
    select $5, u.id, u.uv, $4, $7, nullif($8::text, ''), nullif($9::text, '') from u
 returning sid
), t as (
    insert into refresh_token (jti, sid, issued_at, expires_at)
    select $6::uuid, s.sid, $4, $7 from s
), pair as (
    update login_guard g
       set attempts = greatest(g.attempts - g.failures - 1, 0), failures = 0,
           locked_until = null
      from u
     where g.identity = $11::bytea and g.network = $12::text
 returning g.identity
), whole as (
    update login_guard g
       set attempts = greatest(g.attempts - 1, g.failures)
      from pair
     where $13::boolean and g.identity = pair.identity and g.network = '*'
), known as (
    insert into login_network as n (user_id, network, seen_at)
    select u.id, $12, $4 from u where $12 <> 'none'
        on conflict (user_id, network) do update
       set seen_at = excluded.seen_at
     where n.seen_at < excluded.seen_at - interval '1 hour'
), trail as (
    insert into audit (at, event, actor_id, target_id, client_address, request_id)
    select $4, 'login.succeeded', u.id, u.id, nullif($9::text, ''), $10::bytea from u
)
select u.id, u.username, u.role, u.uv from u, s
