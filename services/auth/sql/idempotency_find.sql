-- A stored answer. $1 principal, $2 key, $3 not older than
select request_hash, status, body
  from idempotency
 where principal = $1 and key = $2 and created_at > $3
