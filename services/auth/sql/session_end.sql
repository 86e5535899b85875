-- A logout: the caller's session, and the one of the refresh token it sent along.
-- $1 user id  $2 sid or null  $3 sid or null  $4 now  $5 client address  $6 request id
-- $7 trace id  $8 span id
with s as (
    update session set revoked_at = $4
     where user_id = $1 and sid in ($2::uuid, $3::uuid) and revoked_at is null
 returning sid
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload, created_at,
                        request_id, trace_id, span_id, actor_id)
    select gen_random_uuid(), 'user', $1, 'session.revoked', 1,
           jsonb_build_object('user_id', $1::bigint, 'sid', translate(s.sid::text, '-', ''),
                              'reason', 'logout'),
           $4, $6::bytea, $7::bytea, $8::bytea, $1
      from s
), held as (
    insert into revocation (created_at, user_id, sid, cause)
    select $4, $1, s.sid, 'ended' from s
)
insert into audit (at, event, actor_id, target_id, client_address, request_id, detail)
select $4, 'logout', $1, $1, nullif($5::text, ''), $6::bytea,
       jsonb_build_object('sid', s.sid)
  from s
