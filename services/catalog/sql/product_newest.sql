-- A page of all products, newest first. $1 rows a page, $2 page (0: the last).
-- Column 0 is the total; it comes also when the page is empty. The last column says which
-- state of the list this is: see product_newest_after.
with total as (
    select coalesce(sum(n), 0)::bigint as n, coalesce(sum(changes), 0) as changes
    from counter where kind = 'product' and category_id = 0
), place as (
    select n, case when $2::bigint > 0 then ($2::bigint - 1) * $1::bigint
                   else greatest(n - 1, 0) / $1::bigint * $1::bigint end as start
    from total
)
select t.n, p.id,
       (select c.name from category c where c.id = p.category_id),
       (select u.username from user_name u where u.user_id = p.owner_id),
       p.name, p.description, p.price, p.created_at, p.category_id,
       t.changes
from total t left join (
    select * from product
    order by created_at desc, id desc
    limit (select case when start < n then $1::bigint else 0 end from place)
    offset (select case when start < n then start else 0 end from place)
) p on true
order by p.created_at desc, p.id desc
