-- $1 id, $2 its products go with it, $3 the version it must have (null: any). The foreign key refuses when a product was added in
-- the meantime; then this is sent once more.
-- Gives what happened (done, missing, changed, held), the number of products before, and how many
-- were deleted.
with found as (
    select id, version from category where id = $1::bigint for update
), same as (
    select id from found where $3::bigint is null or version = $3::bigint
), held as (
    select coalesce(sum(n), 0)::bigint as n
    from counter where kind = 'product' and category_id = $1::bigint
), go as (
    select same.id from same, held where $2::boolean or held.n = 0
), goods as (
    delete from product p using go where p.category_id = go.id
    returning p.id
), gone as (
    delete from category c using go where c.id = go.id
    returning c.id
), tallies as (
    delete from counter c using go where c.kind = 'product' and c.category_id = go.id
), counted as (
    insert into counter as c (kind, category_id, shard, n)
    select 'category', 0, id % 16, -1 from gone
    union all
    select 'product', 0, id % 16, -count(*) from goods group by id % 16
    on conflict (kind, category_id, shard) do update
        set n = c.n + excluded.n, changes = c.changes + excluded.changes
)
select case when not exists (select from found) then 'missing'
            when not exists (select from same) then 'changed'
            when exists (select from gone) then 'done'
            else 'held' end,
       (select n from held), (select count(*) from goods)
