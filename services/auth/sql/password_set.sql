-- Sets a password by an operator's word. As password_reset.sql: raising uv and session_min_uv
-- ends every session, locks of the old password end (the row of all networks is left alone,
-- login_reserve.sql locks it last), and a link of a reset that is under way is void. The
-- notice goes to an address that is the account's own (email_key) and to no other.
-- $1 username  $2 password hash  $3 now  $4 event id  $5 identity
-- Gives missing or done.
with u as (
    update users x
       set password = $2::text, reset_link = null, uv = x.uv + 1, session_min_uv = x.uv + 1
     where x.username = $1::text
 returning x.id, x.username, case when x.email_key is null then '' else x.email end as email,
           x.uv
), guards as materialized (
    select g.identity, g.network
      from login_guard g, u
     where g.identity = $5::bytea and g.network <> '*'
     order by g.network
       for update of g
), unlocked as (
    delete from login_guard g using guards
     where g.identity = guards.identity and g.network = guards.network
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload, created_at)
    select $4::uuid, 'user', u.id, 'user.password_changed', 1,
           jsonb_build_object('user_id', u.id, 'username', u.username, 'email', u.email,
                              'uv', u.uv, 'min_uv', u.uv),
           $3::timestamptz
      from u
), held as (
    insert into revocation (created_at, user_id, min_uv, cause)
    select $3::timestamptz, u.id, u.uv, 'ended' from u
), trail as (
    insert into audit (at, event, target_id, detail)
    select $3::timestamptz, 'password.set', u.id, '{"by": "auth changepassword"}'::jsonb
      from u
)
select case when exists (select from u) then 'done' else 'missing' end
