-- How many products match. $1 category, $2 categories, $3 and $4 lowest and highest price,
-- $5 creator, $6 creators, $7 a pattern that an index can find and $8 the categories whose
-- names match it too, $9 and $10 the same of any pattern, $11 patterns that the product's
-- name must match, $12 patterns that its or its category's must. Null is what is not asked
-- for: the statement is planned for its values, so nothing is left of such a condition.
select count(*) from product p
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
