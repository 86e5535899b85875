-- A spent token came back: the session ends, and with it every descendant. The event has
-- the user's address, so that a mail tells.
-- $1 sid  $2 now  $3 user id  $4 client address  $5 request id  $6 trace id  $7 span id
with s as (
    update session set revoked_at = $2
     where sid = $1 and revoked_at is null
 returning sid, user_id
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload, created_at,
                        request_id, trace_id, span_id)
    select gen_random_uuid(), 'user', s.user_id, 'session.revoked', 1,
           jsonb_build_object('user_id', s.user_id, 'sid', translate(s.sid::text, '-', ''),
                              'reason', 'refresh_reused', 'username', u.username,
                              'email', u.email),
           $2, $5::bytea, $6::bytea, $7::bytea
      from s join users u on u.id = s.user_id
), held as (
    insert into revocation (created_at, user_id, sid, cause)
    select $2, s.user_id, s.sid, 'ended' from s
)
insert into audit (at, event, target_id, client_address, request_id, detail)
select $2, 'refresh.reused', $3, nullif($4::text, ''), $5::bytea,
       jsonb_build_object('sid', s.sid)
  from s
