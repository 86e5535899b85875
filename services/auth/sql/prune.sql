-- What has run out. $1 now  $2 idempotency answers older than
with a as (
    delete from idempotency where created_at < $2::timestamptz
), b as (
    delete from email_token
     where hash in (select hash from email_token
                     where expires_at < $1::timestamptz - interval '7 days' limit 1000)
)
delete from session
 where sid in (select sid from session
                where expires_at < $1::timestamptz - interval '1 day' limit 1000)
