-- How many products match when they are few, and then the page of them. $1 to $15 as in
-- product_page; $16 rows a page, $17 page (0: the last), $18 how many are few. Column 0 is
-- the number found, one more than $18 when there are more: then there are no items.
with hit as materialized (
    select p.id, p.price, p.created_at from product p
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
    limit $18::bigint + 1
), total as materialized (
    select count(*) as n from hit
), shown as (
    select id, row_number() over () as nth
    from (
        select id from hit
        order by case $13::text when 'price' then price end,
                 case $13::text when '-price' then price end desc,
                 case $13::text when 'created_at' then created_at end,
                 case $13::text when '-created_at' then created_at end desc,
                 case $14::text when 'price' then price end,
                 case $14::text when '-price' then price end desc,
                 case $14::text when 'created_at' then created_at end,
                 case $14::text when '-created_at' then created_at end desc,
                 case $15::text when 'id' then id end,
                 case $15::text when '-id' then id end desc
        limit (select case when n <= $18::bigint then $16::bigint else 0 end from total)
        offset (select case when $17::bigint > 0 then ($17::bigint - 1) * $16::bigint
                            else greatest(n - 1, 0) / $16::bigint * $16::bigint end
                from total)
    ) page
)
select t.n, p.id,
       (select c.name from category c where c.id = p.category_id),
       (select u.username from user_name u where u.user_id = p.owner_id),
       p.name, p.description, p.price, p.created_at, p.category_id
from total t
left join (shown s join product p on p.id = s.id) on true
order by s.nth
