-- The same for every address, known or not.
-- $1 purpose  $2 email_key  $3 now  $4 client address  $5 request id  $6 trace id
-- $7 span id
insert into link_request (purpose, email_key, created_at, client_address, request_id,
                          trace_id, span_id)
values ($1, $2, $3, nullif($4::text, ''), $5, $6, $7)
