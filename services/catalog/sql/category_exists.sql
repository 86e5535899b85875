-- $1 ids.
select id from category where id = any ($1::bigint[])
