-- What counts for nothing any more. $1 now  $2 networks not seen since are strangers
with guards as (
    select identity, network from login_guard
     where forget_at < $1::timestamptz - interval '1 minute'
     order by forget_at limit 1000
       for update skip locked
), a as (
    delete from login_guard g using guards
     where g.identity = guards.identity and g.network = guards.network
), networks as (
    select user_id, network from login_network
     where seen_at < $2::timestamptz
     order by seen_at limit 1000
       for update skip locked
)
delete from login_network n using networks
 where n.user_id = networks.user_id and n.network = networks.network
