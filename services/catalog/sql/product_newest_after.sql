-- A page of all products, newest first, read onwards from a row whose place is known.
-- $1 rows, $2 what the list's changes must add up to, $3 and $4 that row, $5 rows to pass
-- over, counted from itself. When the list is another one by now there are no items, and the
-- last column says so. Column 0 is the total. The parameters stand in selects of their own
-- because Postgres would otherwise plan every execution anew, for their values' sake.
with total as (
    select coalesce(sum(n), 0)::bigint as n, coalesce(sum(changes), 0) as changes
    from counter where kind = 'product' and category_id = 0
)
select t.n, p.id,
       (select c.name from category c where c.id = p.category_id),
       (select u.username from user_name u where u.user_id = p.owner_id),
       p.name, p.description, p.price, p.created_at, p.category_id,
       t.changes
from total t left join (
    select * from product
    where (created_at, id) <= ((select $3::timestamptz), (select $4::bigint))
    order by created_at desc, id desc
    limit (select case when changes = $2::numeric then $1::bigint else 0 end from total)
    offset (select $5::bigint)
) p on true
order by p.created_at desc, p.id desc
