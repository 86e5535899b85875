-- What a login is checked against. $1 username, exact
select id, password, is_active, is_verified from users where username = $1
