-- A spent token came back: the session ends, and with it every descendant.
-- $1 sid  $2 now  $3 user id  $4 client address  $5 request id
with s as (
    update session set revoked_at = $2
     where sid = $1 and revoked_at is null
 returning sid
)
insert into audit (at, event, target_id, client_address, request_id, detail)
select $2, 'refresh.reused', $3, nullif($4::text, ''), $5::bytea,
       jsonb_build_object('sid', s.sid)
  from s
