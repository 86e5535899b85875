-- A spent token came back: the session ends, and with it every descendant. The event has
-- the user's address, so that a mail tells, when the owner of the mailbox has confirmed it
-- and was not told lately: whoever plays both parts would otherwise have us mail somebody
-- as often as he likes. The rows are locked in the order of refresh_rotate.sql.
-- $1 sid  $2 now  $3 user id  $4 client address  $5 request id  $6 trace id  $7 span id
-- $8 told later than this: not again
with u as materialized (
    select id, username, email,
           is_verified and email_key is not null
               and coalesce(reuse_sent_at <= $8::timestamptz, true) as tell
      from users
     where id = $3::bigint
       for no key update
), s as (
    update session x set revoked_at = $2::timestamptz
      from u
     where x.sid = $1 and x.user_id = u.id and x.revoked_at is null
 returning x.sid, x.user_id
), told as (
    update users x set reuse_sent_at = $2::timestamptz
      from s, u
     where x.id = s.user_id and u.tell
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload, created_at,
                        request_id, trace_id, span_id)
    select gen_random_uuid(), 'user', s.user_id, 'session.revoked', 1,
           jsonb_build_object('user_id', s.user_id, 'sid', translate(s.sid::text, '-', ''),
                              'reason', 'refresh_reused', 'username', u.username,
                              'email', case when u.tell then u.email else '' end),
           $2::timestamptz, $5::bytea, $6::bytea, $7::bytea
      from s, u
), held as (
    insert into revocation (created_at, user_id, sid, cause)
    select $2::timestamptz, s.user_id, s.sid, 'ended' from s
)
insert into audit (at, event, target_id, client_address, request_id, detail)
select $2::timestamptz, 'refresh.reused', $3::bigint, nullif($4::text, ''), $5::bytea,
       jsonb_build_object('sid', s.sid)
  from s
