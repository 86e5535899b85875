-- $1 id. The category and its newest products; one row with nulls when it has none.
-- "between" and not "=": the products must come from the category's index. With "=" the
-- planner may walk all products from the newest on, which is endless for an empty category.
select c.id, c.name, c.description,
       p.id, c.name,
       (select u.username from user_name u where u.user_id = p.owner_id),
       p.name, p.description, p.price, p.created_at, p.category_id, c.version
from category c left join lateral (
    select * from product where category_id between c.id and c.id
    order by category_id, created_at desc, id desc
    limit 100
) p on true
where c.id = $1::bigint
order by p.created_at desc, p.id desc
