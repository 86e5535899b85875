-- A block of ids. $1 how many
select nextval('users_id_seq') from generate_series(1, $1::int)
