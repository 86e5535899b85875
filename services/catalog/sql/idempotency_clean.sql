-- $1 oldest time to keep. A bounded bite, so that nobody waits for it.
delete from idempotency
where (principal, key) in (
    select principal, key from idempotency where created_at < $1::timestamptz
    order by created_at
    limit 1000)
