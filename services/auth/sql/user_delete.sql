-- Deletes an account with everything that hangs on it; the trail stays. Locks as in
-- user_change.sql. Every token of it is older than the version in the event.
-- $1 username  $2 now  $3 event id
-- Gives missing, last_admin or done.
with admins as materialized (
    select id from users where role = 'ADMIN' and is_active order by id for update
), x as materialized (
    select u.id, u.role = 'ADMIN' and u.is_active and a.n < 2 as needed
      from users u, (select count(*) as n from admins) a
     where u.username = $1
       for update of u
), u as (
    delete from users t using x where t.id = x.id and not x.needed
 returning t.id, t.username, t.uv + 1 as uv
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload, created_at)
    select $3::uuid, 'user', u.id, 'user.deleted', 1,
           jsonb_build_object('user_id', u.id, 'username', u.username, 'uv', u.uv),
           $2::timestamptz
      from u
), held as (
    insert into revocation (created_at, user_id, min_uv, cause)
    select $2::timestamptz, u.id, u.uv, 'deleted' from u
), trail as (
    insert into audit (at, event, target_id, detail)
    select $2::timestamptz, 'user.deleted', u.id,
           jsonb_build_object('username', u.username, 'by', 'auth users')
      from u
)
select case when not exists (select from x) then 'missing'
            when not exists (select from u) then 'last_admin'
            else 'done' end
