-- $1 id, $2 name, $3 description, $4 time, $5 the answer, $6 actor, $7 idempotency key or
-- null, $8 hash of the request, $9 oldest key that still counts.
-- Gives what happened (new, replay, mismatch, busy) and the answer.
with before as (
    select request_hash, body from idempotency
    where principal = $6::bigint and key = $7::text and created_at >= $9::timestamptz
), claim as (
    insert into idempotency as i (principal, key, request_hash, status, body, created_at)
    select $6::bigint, $7::text, $8::bytea, 201, $5::text, $4::timestamptz
    where $7::text is not null
    on conflict (principal, key) do update
        set request_hash = excluded.request_hash, body = excluded.body,
            created_at = excluded.created_at
        where i.created_at < $9::timestamptz
    returning 1
), new as (
    insert into category (id, name, description, created_at)
    select $1::bigint, $2::text, $3::text, $4::timestamptz
    where $7::text is null or exists (select from claim)
    returning id
), counted as (
    insert into counter as c (kind, category_id, shard, n)
    select 'category', 0, id % 16, 1 from new
    on conflict (kind, category_id, shard) do update
        set n = c.n + 1, changes = c.changes + excluded.changes
)
select case when exists (select from new) then 'new'
            when exists (select from before where request_hash = $8::bytea) then 'replay'
            when exists (select from before) then 'mismatch'
            else 'busy' end,
       case when exists (select from new) then $5::text else (select body from before) end
