-- A page of all categories by name. $1 rows a page, $2 page (0: the last).
-- Column 0 is the total; it comes also when the page is empty.
with total as (
    select coalesce(sum(n), 0)::bigint as n
    from counter where kind = 'category' and category_id = 0
), place as (
    select n, case when $2::bigint > 0 then ($2::bigint - 1) * $1::bigint
                   else greatest(n - 1, 0) / $1::bigint * $1::bigint end as start
    from total
)
select t.n, c.id, c.name, c.description, c.created_at
from total t left join (
    select * from category
    order by name collate "und-x-icu", id
    limit (select case when start < n then $1::bigint else 0 end from place)
    offset (select case when start < n then start else 0 end from place)
) c on true
order by c.name collate "und-x-icu", c.id
