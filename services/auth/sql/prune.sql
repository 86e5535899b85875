-- What has run out, a batch of each; the size of the largest batch, so that a full one is
-- followed by the next. Rows that another replica is at are left to it.
-- $1 now  $2 idempotency answers older than  $3 revocations older than
-- $4 rows of the audit trail older than
-- Tables that grow large are deleted from by an array of keys: a join could be planned as a
-- scan of all of them.
with answers as (
    select principal, key from idempotency
     where created_at < $2::timestamptz
     order by created_at limit 1000
       for update skip locked
), a as (
    delete from idempotency i using answers
     where i.principal = answers.principal and i.key = answers.key
 returning 1
), links as (
    select hash from email_token
     where expires_at < $1::timestamptz - interval '7 days'
     order by expires_at limit 1000
       for update skip locked
), b as (
    delete from email_token t using links where t.hash = links.hash returning 1
), sessions as (
    select sid from session
     where expires_at < $1::timestamptz - interval '1 day'
     order by expires_at limit 1000
       for update skip locked
), c as (
    delete from session s using sessions where s.sid = sessions.sid returning 1
), revocations as (
    select id from revocation
     where created_at < $3::timestamptz
     order by created_at limit 1000
       for update skip locked
), d as (
    delete from revocation r using revocations where r.id = revocations.id returning 1
), tokens as (
    -- Refused by its own end, a token can no longer tell of a theft. Those of sessions that
    -- go above go with them: the same rows from two sides would be a deadlock of replicas.
    select t.jti
      from refresh_token t join session s on s.sid = t.sid
     where t.expires_at < $1::timestamptz - interval '1 day'
       and s.expires_at >= $1::timestamptz - interval '1 day'
     order by t.expires_at limit 1000
       for update of t skip locked
), f as (
    delete from refresh_token where jti = any (array(select jti from tokens)) returning 1
), trail as (
    select id from audit
     where at < $4::timestamptz
     order by at limit 1000
       for update skip locked
), e as (
    delete from audit where id = any (array(select id from trail)) returning 1
)
select greatest((select count(*) from a), (select count(*) from b),
                (select count(*) from c), (select count(*) from d),
                (select count(*) from e), (select count(*) from f))
