-- What names mean: $1 patterns, $2 a user name, both may be null. A row for each pattern, one
-- without a pattern when there is none: the ids of the users of that name, the pattern in
-- small letters, how many categories have a name that matches it, and their ids when they
-- are at most 1000.
select (select array_agg(user_id)::text from user_name where username = $2::text),
       lower(term), coalesce(array_length(ids, 1), 0),
       case when array_length(ids, 1) <= 1000 then ids::text end
from (select 1) one
left join unnest($1::text[]) with ordinality as t (term, nth) on true
left join lateral (
    select array_agg(c.id order by c.id) as ids from category c where c.name ilike t.term
) named on true
order by nth
