-- What changes an account and ends tokens: its role, whether it is active, all its sessions.
-- uv rises when access tokens must stop, session_min_uv with it when sessions must.
-- Whoever takes an administrator away locks all of them first, in one order: two at a time
-- are decided one after the other, each by the rows as they then are.
-- $1 user id or null  $2 username or null  $3 new role or null  $4 active or null
-- $5 end all sessions  $6 now  $7 event id  $8 request id  $9 trace id  $10 span id
-- $11 client address  $12 actor or null  $13 name in the trail
-- Gives missing, last_admin, unchanged or done.
with admins as materialized (
    select id from users
     where role = 'ADMIN' and is_active
       and ($3::text = 'USER' or not $4::boolean)
     order by id
       for update
), x as materialized (
    select u.id, u.role, u.is_active, a.n as admins
      from users u, (select count(*) as n from admins) a
     where u.id = $1::bigint or u.username = $2::text
       for update of u
), verdict as (
    select id,
           $5::boolean or not coalesce($4::boolean, true) as ends,
           role <> coalesce($3::text, role) as another_role,
           case when role = 'ADMIN' and is_active and admins < 2
                     and ($3::text = 'USER' or not $4::boolean) then 'last_admin'
                when not $5::boolean and role = coalesce($3::text, role)
                     and is_active = coalesce($4::boolean, is_active) then 'unchanged'
                else 'done' end as what
      from x
), u as (
    update users t
       set role = coalesce($3::text, t.role),
           is_active = coalesce($4::boolean, t.is_active),
           uv = t.uv + case when v.ends or v.another_role then 1 else 0 end,
           session_min_uv = case when v.ends then t.uv + 1 else t.session_min_uv end
      from verdict v
     where t.id = v.id and v.what = 'done'
 returning t.id, t.username, t.email, t.role, t.is_active, t.uv, t.session_min_uv
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload, created_at,
                        request_id, trace_id, span_id, actor_id)
    select $7::uuid, 'user', u.id, 'user.updated', 1,
           jsonb_build_object('user_id', u.id, 'username', u.username, 'email', u.email,
                              'role', u.role, 'is_active', u.is_active, 'uv', u.uv,
                              'min_uv', u.session_min_uv),
           $6::timestamptz, $8::bytea, $9::bytea, $10::bytea, $12::bigint
      from u
), held as (
    insert into revocation (created_at, user_id, min_uv, cause)
    select $6::timestamptz, u.id, u.uv,
           case when u.is_active then 'ended' else 'inactive' end
      from u
), trail as (
    insert into audit (at, event, actor_id, target_id, client_address, request_id, detail)
    select $6::timestamptz, $13::text, $12::bigint, u.id, nullif($11::text, ''), $8::bytea,
           jsonb_strip_nulls(jsonb_build_object(
               'role', u.role, 'is_active', u.is_active, 'uv', u.uv,
               'by', case when $12::bigint is null then 'auth users' end))
      from u
)
select coalesce((select what from verdict), 'missing')
