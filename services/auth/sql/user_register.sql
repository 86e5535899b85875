-- A registration: account, link hash, event, stored answer and audit commit together or
-- not at all. A name or key taken meanwhile is a unique violation of the whole.
-- $1 id  $2 username  $3 username_key  $4 email  $5 email_key  $6 password hash  $7 now
-- $8 link hash or null  $9 link expires  $10 event id  $11 event payload  $12 sealed
-- $13 request id  $14 trace id  $15 span id  $16 idempotency key or null  $17 its principal
-- $18 request hash  $19 answer  $20 client address  $21 an address's key that somebody
-- has, null otherwise: its owner is told, unless that was done later than $23
-- $22 that event's id
with u as (
    insert into users (id, username, username_key, email, email_key, password, date_joined,
                       verify_link)
    values ($1, $2, $3, $4, $5, $6, $7, $8::bytea)
 returning id
), link as (
    insert into email_token (hash, user_id, purpose, created_at, expires_at)
    select $8::bytea, u.id, 'verify', $7, $9::timestamptz from u where $8 is not null
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload,
                        secret_sealed, created_at, request_id, trace_id, span_id, actor_id,
                        expires_at)
    select $10::uuid, 'user', u.id, 'user.registered', 1, $11::jsonb, $12::bytea, $7,
           $13::bytea, $14::bytea, $15::bytea, u.id, $9::timestamptz
      from u
), owner as (
    update users x
       set exists_sent_at = $7
      from u
     where x.email_key = $21::text and x.is_active
       and coalesce(x.exists_sent_at <= $23::timestamptz, true)
 returning x.id, x.username, x.email
), notice as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload, created_at,
                        request_id, trace_id, span_id)
    select $22::uuid, 'user', owner.id, 'user.account_exists', 1,
           jsonb_build_object('user_id', owner.id, 'username', owner.username,
                              'email', owner.email),
           $7, $13::bytea, $14::bytea, $15::bytea
      from owner
), stored as (
    insert into idempotency (principal, key, request_hash, status, body, created_at)
    select $17::text, $16::text, $18::bytea, 201, $19::text, $7
      from u
     where $16 is not null
), trail as (
    insert into audit (at, event, actor_id, target_id, client_address, request_id)
    select $7, 'user.registered', u.id, u.id, nullif($20::text, ''), $13::bytea from u
     union all
    select $7, 'user.account_exists', u.id, owner.id, nullif($20::text, ''), $13::bytea
      from u, owner
)
select id from u
