-- $1 ids. Sub-selects instead of joins: always index look-ups, whatever the statistics say.
select p.id,
       (select c.name from category c where c.id = p.category_id),
       (select u.username from user_name u where u.user_id = p.owner_id),
       p.name, p.description, p.price, p.created_at, p.category_id, p.owner_id,
       p.version
from product p
where p.id = any ($1::bigint[])
