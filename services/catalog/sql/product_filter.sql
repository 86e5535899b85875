-- A page of the products that match, in an order made of up to two keys.
-- $1 rows a page, $2 page (0: the last), $3 a pattern (null: no search), $4 further
-- patterns (all must match, each in the product's or the category's name),
-- $5, $6 first and second key: price, -price, created_at, -created_at or nothing,
-- $7 categories (null: all), $8, $9 lowest and highest price, $10 name of the creator,
-- $11 the list whose kept total is the answer's (0: the whole list; null: count),
-- $12 the total when it is known.
-- Each branch begins at the index of one condition; all but one are switched off by their
-- parameters alone, whatever the planner knows of the values.
-- Column 0 is the total; it comes also when the page is empty.
with owner as (
    select user_id from user_name where username = $10::text
), candidate as not materialized (
    select p.id, p.name, p.category_id, p.owner_id, p.price, p.created_at
    from product p
    where $7::bigint[] is not null and p.category_id = any ($7::bigint[])
    union all
    select p.id, p.name, p.category_id, p.owner_id, p.price, p.created_at
    from owner o join product p on p.owner_id = o.user_id
    where $7::bigint[] is null and $10::text is not null
    union all
    select * from (
        select p.id, p.name, p.category_id, p.owner_id, p.price, p.created_at
        from product p
        where p.name ilike $3::text
        union
        select p.id, p.name, p.category_id, p.owner_id, p.price, p.created_at
        from category c join product p on p.category_id = c.id
        where c.name ilike $3::text
    ) named
    where $7::bigint[] is null and $10::text is null and $3::text is not null
    union all
    select p.id, p.name, p.category_id, p.owner_id, p.price, p.created_at
    from product p
    where $7::bigint[] is null and $10::text is null and $3::text is null
      and p.price between coalesce($8::numeric, 0) and coalesce($9::numeric, 1e9)
), hit as not materialized (
    select p.id, p.price, p.created_at
    from candidate p
    where ($8::numeric is null or p.price >= $8::numeric)
      and ($9::numeric is null or p.price <= $9::numeric)
      and ($10::text is null or p.owner_id in (select user_id from owner))
      and not exists (
        select from unnest($4::text[] || $3::text) as term
        where not (p.name ilike term
                   or (select c.name from category c where c.id = p.category_id) ilike term))
), total as materialized (
    select case when $12::bigint is not null then $12::bigint
                when $11::bigint is not null then
                    (select coalesce(sum(n), 0)::bigint from counter
                     where kind = 'product' and category_id = $11::bigint)
                else (select count(*) from hit) end as n
), place as (
    select n, case when $2::bigint > 0 then ($2::bigint - 1) * $1::bigint
                   else greatest(n - 1, 0) / $1::bigint * $1::bigint end as start
    from total
), shown as (
    select id, row_number() over () as nth
    from (
        select id from hit
        order by case $5::text when 'price' then price end,
                 case $5::text when '-price' then price end desc,
                 case $5::text when 'created_at' then created_at end,
                 case $5::text when '-created_at' then created_at end desc,
                 case $6::text when 'price' then price end,
                 case $6::text when '-price' then price end desc,
                 case $6::text when 'created_at' then created_at end,
                 case $6::text when '-created_at' then created_at end desc,
                 id desc
        limit (select case when start < n then $1::bigint else 0 end from place)
        offset (select case when start < n then start else 0 end from place)
    ) page
)
select t.n, p.id,
       (select c.name from category c where c.id = p.category_id),
       (select u.username from user_name u where u.user_id = p.owner_id),
       p.name, p.description, p.price, p.created_at, p.category_id
from total t
left join (shown s join product p on p.id = s.id) on true
order by s.nth
