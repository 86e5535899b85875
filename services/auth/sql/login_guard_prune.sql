-- What counts for nothing any more, a batch of each; the size of the larger batch, so that
-- a full one is followed by the next: whoever tries names makes rows faster than one batch
-- a minute takes them. $1 now  $2 networks not seen since are strangers
with guards as (
    select identity, network from login_guard
     where forget_at < $1::timestamptz - interval '1 minute'
     order by forget_at limit 1000
       for update skip locked
), a as (
    delete from login_guard g using guards
     where g.identity = guards.identity and g.network = guards.network
 returning 1
), networks as (
    select user_id, network from login_network
     where seen_at < $2::timestamptz
     order by seen_at limit 1000
       for update skip locked
), b as (
    delete from login_network n using networks
     where n.user_id = networks.user_id and n.network = networks.network
 returning 1
)
select greatest((select count(*) from a), (select count(*) from b))
