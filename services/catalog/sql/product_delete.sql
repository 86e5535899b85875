-- $1 id, $2 actor, $3 the actor is an administrator, $4 the version it must have
-- (null: any). Gives what happened: done, missing, denied, changed.
with found as (
    select id, owner_id, version from product where id = $1::bigint for update
), mine as (
    select * from found where $3::boolean or owner_id = $2::bigint
), same as (
    select * from mine where $4::bigint is null or version = $4::bigint
), gone as (
    delete from product p using same where p.id = same.id
    returning p.id, p.category_id
), counted as (
    insert into counter as c (kind, category_id, shard, n)
    select 'product', x.category_id, gone.id % 16, -1
    from gone, lateral (values (0::bigint), (gone.category_id)) as x (category_id)
    on conflict (kind, category_id, shard) do update
        set n = c.n + excluded.n, changes = c.changes + excluded.changes
)
select case when not exists (select from found) then 'missing'
            when not exists (select from mine) then 'denied'
            when not exists (select from same) then 'changed'
            when exists (select from gone) then 'done'
            else 'missing' end
