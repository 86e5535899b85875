-- Forgets the failed logins of a name from everywhere, locks and delays with them. Rows are
-- locked in the order of login_reserve.sql: the one of all networks last. A comparison that
-- is under way is not counted any more.
-- $1 username  $2 identity  $3 now
-- Gives missing, unchanged or done.
with u as (
    select id from users where username = $1::text
), guards as materialized (
    select g.identity, g.network
      from login_guard g, u
     where g.identity = $2::bytea
     order by g.network = '*', g.network
       for update of g
), forgotten as (
    delete from login_guard g using guards
     where g.identity = guards.identity and g.network = guards.network
 returning g.network, g.failures
), trail as (
    insert into audit (at, event, target_id, detail)
    select $3::timestamptz, 'login.unlocked', u.id,
           jsonb_build_object('networks', f.networks, 'by', 'auth users')
      from u, (select jsonb_object_agg(network, failures) as networks from forgotten) f
     where f.networks is not null
)
select case when not exists (select from u) then 'missing'
            when not exists (select from forgotten) then 'unchanged'
            else 'done' end
