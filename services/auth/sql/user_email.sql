-- The address of an account, perhaps empty; no row: nobody has the name. $1 username
select email from users where username = $1
