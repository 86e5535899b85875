-- How many products the lists $1 have together: ids of categories, or 0 for all of them.
select coalesce(sum(n), 0)::bigint
from counter where kind = 'product' and category_id = any ($1::bigint[])
