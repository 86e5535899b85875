-- What has run out, a batch of each; how many revocations, so that a full batch is followed
-- by the next. $1 now  $2 idempotency answers older than  $3 revocations older than
with a as (
    delete from idempotency where created_at < $2::timestamptz
), b as (
    delete from email_token
     where hash in (select hash from email_token
                     where expires_at < $1::timestamptz - interval '7 days' limit 1000)
), c as (
    delete from session
     where sid in (select sid from session
                    where expires_at < $1::timestamptz - interval '1 day' limit 1000)
), d as (
    delete from revocation
     where id in (select id from revocation
                   where created_at < $3::timestamptz
                   order by created_at limit 1000)
 returning id
)
select count(*) from d
