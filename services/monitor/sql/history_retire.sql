-- $1 changes and $2 actions older than these
with old_changes as (
    delete from change
     where id in (select id from change where at < $1::timestamptz limit 5000)
)
delete from action
 where id in (select id from action where at < $2::timestamptz limit 5000)
