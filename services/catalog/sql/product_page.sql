-- A page of the products that match. $1 to $12 as in product_count; $13, $14, $15 the order:
-- price, -price, created_at or -created_at, the same of the other column or null, id or -id;
-- $16 rows, $17 rows to pass over. The places are found in an index alone: planned for its
-- values, the statement has only the keys that are asked for.
select p.id,
       (select c.name from category c where c.id = p.category_id),
       (select u.username from user_name u where u.user_id = p.owner_id),
       p.name, p.description, p.price, p.created_at, p.category_id
from (
    select id, row_number() over () as nth
    from (
        select p.id from product p
        where ($1::bigint is null or p.category_id = $1::bigint)
          and ($2::bigint[] is null or p.category_id = any ($2::bigint[]))
          and ($3::numeric is null or p.price >= $3::numeric)
          and ($4::numeric is null or p.price <= $4::numeric)
          and ($5::bigint is null or p.owner_id = $5::bigint)
          and ($6::bigint[] is null or p.owner_id = any ($6::bigint[]))
          and ($7::text is null or p.folded like $7::text
               or $8::bigint[] is not null and p.category_id = any ($8::bigint[]))
          and ($9::text is null or p.folded collate "C" like $9::text
               or $10::bigint[] is not null and p.category_id = any ($10::bigint[]))
          and ($11::text[] is null or p.folded collate "C" like all ($11::text[]))
          and ($12::text[] is null or not exists (
                   select from unnest($12::text[]) as term
                   where not (p.folded collate "C" like term
                              or (select lower(c.name) from category c
                                  where c.id = p.category_id) collate "C" like term)))
        order by case $13::text when 'price' then p.price end,
                 case $13::text when '-price' then p.price end desc,
                 case $13::text when 'created_at' then p.created_at end,
                 case $13::text when '-created_at' then p.created_at end desc,
                 case $14::text when 'price' then p.price end,
                 case $14::text when '-price' then p.price end desc,
                 case $14::text when 'created_at' then p.created_at end,
                 case $14::text when '-created_at' then p.created_at end desc,
                 case $15::text when 'id' then p.id end,
                 case $15::text when '-id' then p.id end desc
        limit $16::bigint offset $17::bigint
    ) page
) shown join product p on p.id = shown.id
order by shown.nth
