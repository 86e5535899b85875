-- $1 id, $2 actor, $3 the actor is an administrator, $4 name, $5 description, $6 price,
-- $7 category (null: as it is), $8 the version it must have (null: any). The row is locked first, so that what is decided here
-- depends on its present state only.
-- Gives what happened (done, missing, denied, changed, no_category) and the product.
with found as (
    select id, owner_id, category_id, version from product where id = $1::bigint for update
), mine as (
    select * from found where $3::boolean or owner_id = $2::bigint
), same as (
    select * from mine where $8::bigint is null or version = $8::bigint
), cat as (
    select c.id, c.name from category c, same
    where c.id = coalesce($7::bigint, same.category_id)
), done as (
    update product p
    set name = coalesce($4::text, p.name),
        description = coalesce($5::text, p.description),
        price = coalesce($6::numeric, p.price),
        category_id = cat.id,
        version = p.version + 1
    from mine, cat
    where p.id = mine.id
    returning p.*
), moved as (
    insert into counter as c (kind, category_id, shard, n)
    select 'product', x.category_id, done.id % 16, x.n
    from done, mine, lateral (values (mine.category_id, -1), (done.category_id, 1))
        as x (category_id, n)
    where done.category_id <> mine.category_id
    order by x.category_id -- the rows are locked in one order, whichever way products move
    on conflict (kind, category_id, shard) do update
        set n = c.n + excluded.n, changes = c.changes + excluded.changes
)
select case when not exists (select from found) then 'missing'
            when not exists (select from mine) then 'denied'
            when not exists (select from same) then 'changed'
            when not exists (select from cat) then 'no_category'
            else 'done' end,
       d.id, (select name from cat),
       (select u.username from user_name u where u.user_id = d.owner_id),
       d.name, d.description, d.price, d.created_at, d.category_id
from (select 1) as one left join done d on true
