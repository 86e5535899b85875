-- $1 now  $2 user id or null  $3 client address  $4 request id
insert into audit (at, event, target_id, client_address, request_id)
values ($1, 'login.failed', $2, nullif($3::text, ''), $4)
