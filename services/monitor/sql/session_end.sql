-- $1 hash
delete from session where hash = $1
