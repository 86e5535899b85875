-- $1 id, $2 name, $3 description, $4 price, $5 time, $6 category, $7 owner, $8 owner's name,
-- $9 owner's version, $10 and $11 the answer before and after the category's name,
-- $12 idempotency key or null, $13 hash of the request, $14 oldest key that still counts.
-- Gives what happened (new, replay, mismatch, no_category, busy) and the answer.
with cat as (
    select id, name from category where id = $6::bigint
), answer as (
    select $10::text || to_json(name)::text || $11::text as body from cat
), before as (
    select request_hash, body from idempotency
    where principal = $7::bigint and key = $12::text and created_at >= $14::timestamptz
), claim as (
    insert into idempotency as i (principal, key, request_hash, status, body, created_at)
    select $7::bigint, $12::text, $13::bytea, 201, body, $5::timestamptz from answer
    where $12::text is not null
    on conflict (principal, key) do update
        set request_hash = excluded.request_hash, body = excluded.body,
            created_at = excluded.created_at
        where i.created_at < $14::timestamptz
    returning 1
), go as (
    select id from cat where $12::text is null or exists (select from claim)
), new as (
    insert into product (id, name, description, price, created_at, category_id, owner_id)
    select $1::bigint, $2::text, $3::text, $4::numeric, $5::timestamptz, id, $7::bigint
    from go
    returning id, category_id
), owner as (
    insert into user_name as u (user_id, username, version)
    select $7::bigint, $8::text, $9::bigint from new where $8::text is not null
    on conflict (user_id) do update
        set username = excluded.username, version = excluded.version
        where u.version < excluded.version
), counted as (
    insert into counter as c (kind, category_id, shard, n)
    select 'product', x.category_id, new.id % 16, 1
    from new, lateral (values (0::bigint), (new.category_id)) as x (category_id)
    on conflict (kind, category_id, shard) do update
        set n = c.n + 1, changes = c.changes + excluded.changes
)
select case when exists (select from new) then 'new'
            when exists (select from before where request_hash = $13::bytea) then 'replay'
            when exists (select from before) then 'mismatch'
            when not exists (select from cat) then 'no_category'
            else 'busy' end,
       case when exists (select from new) then (select body from answer)
            else (select body from before) end
