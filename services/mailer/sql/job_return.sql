-- A mail that was claimed and not begun goes back, as if it had not been touched; unless a
-- newer link has replaced it meanwhile. No row: the lease is
-- somebody else's.
-- $1 job, $2 lease token
with verdict as materialized (
    select j.job_id, job_is_replaced(j) as void
      from job j
     where j.job_id = $1 and j.lease_token = $2 and j.state = 'leased'
       for update of j
), done as (
    update job j
       set state = case when v.void then 'suppressed' else 'ready' end,
           finished_at = case when v.void then now() end,
           secret_sealed = case when not v.void then secret_sealed end,
           last_error = case when v.void then 'a newer link took its place'
                             else last_error end,
           lease_token = null, lease_until = null, body_at = null, attempt = attempt - 1
      from verdict v
     where j.job_id = v.job_id
 returning j.job_id, j.template, j.recipient, v.void
), counted as (
    insert into tally (template, domain, outcome, n, state, delta)
    select template, lower(split_part(recipient, '@', -1)), 'suppressed', 1, 'suppressed', 1
      from done
     where void
)
select job_id from done
