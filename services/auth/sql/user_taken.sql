-- Which of a newcomer's names are taken. $1 username_key, $2 email_key or null
select exists (select 1 from users where username_key = $1),
       exists (select 1 from users where email_key = $2)
