-- A page of the products that match, in an order made of up to two keys.
-- $1 rows a page, $2 page (0: the last), $3 a pattern, $4 further patterns (all must match,
-- each in the product's or the category's name; $3 is looked up by index),
-- $5, $6 first and second key: price, -price, created_at, -created_at or nothing.
-- Column 0 is the total; it comes also when the page is empty.
with candidate as (
    select p.id, p.name, p.category_id, p.price, p.created_at
    from product p
    where p.name ilike $3::text
    union
    select p.id, p.name, p.category_id, p.price, p.created_at
    from category c join product p on p.category_id = c.id
    where c.name ilike $3::text
), hit as materialized (
    select p.id, p.price, p.created_at
    from candidate p
    where not exists (
        select from unnest($4::text[]) as term
        where not (p.name ilike term
                   or (select c.name from category c where c.id = p.category_id) ilike term))
), total as (
    select count(*) as n from hit
), place as (
    select n, case when $2::bigint > 0 then ($2::bigint - 1) * $1::bigint
                   else greatest(n - 1, 0) / $1::bigint * $1::bigint end as start
    from total
), shown as (
    select id, row_number() over (
        order by case $5::text when 'price' then price end,
                 case $5::text when '-price' then price end desc,
                 case $5::text when 'created_at' then created_at end,
                 case $5::text when '-created_at' then created_at end desc,
                 case $6::text when 'price' then price end,
                 case $6::text when '-price' then price end desc,
                 case $6::text when 'created_at' then created_at end,
                 case $6::text when '-created_at' then created_at end desc,
                 id desc) as nth
    from hit
    order by nth
    limit (select case when start < n then $1::bigint else 0 end from place)
    offset (select case when start < n then start else 0 end from place)
)
select t.n, p.id,
       (select c.name from category c where c.id = p.category_id),
       (select u.username from user_name u where u.user_id = p.owner_id),
       p.name, p.description, p.price, p.created_at, p.category_id
from total t
left join (shown s join product p on p.id = s.id) on true
order by s.nth
