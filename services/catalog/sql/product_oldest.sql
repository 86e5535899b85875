-- A page of all products, oldest first. $1 rows a page, $2 page (0: the last).
-- Column 0 is the total; it comes also when the page is empty.
-- The page's place is found in the index alone, its rows are then looked up one by one.
with total as (
    select coalesce(sum(n), 0)::bigint as n
    from counter where kind = 'product' and category_id = 0
), place as (
    select n, case when $2::bigint > 0 then ($2::bigint - 1) * $1::bigint
                   else greatest(n - 1, 0) / $1::bigint * $1::bigint end as start
    from total
)
select t.n, p.id,
       (select c.name from category c where c.id = p.category_id),
       (select u.username from user_name u where u.user_id = p.owner_id),
       p.name, p.description, p.price, p.created_at, p.category_id
from total t left join lateral (
    select found.* from (
        select id from product
        order by created_at, id
        limit (select case when start < n then $1::bigint else 0 end from place)
        offset (select case when start < n then start else 0 end from place)
    ) place, lateral (select * from product where id = place.id limit 1) found
) p on true
order by p.created_at, p.id
