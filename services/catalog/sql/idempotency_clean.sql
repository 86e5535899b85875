-- A bounded bite, so that nobody waits for it; how many it took, so that a full one is
-- followed by the next. Rows that another replica is at are left to it.
-- $1 oldest time to keep
with old as (
    select principal, key from idempotency
     where created_at < $1::timestamptz
     order by created_at limit 1000
       for update skip locked
), gone as (
    delete from idempotency i using old
     where i.principal = old.principal and i.key = old.key
 returning 1
)
select count(*) from gone
