-- A logout: the caller's session, and the one of the refresh token it sent along.
-- $1 user id  $2 sid or null  $3 sid or null  $4 now  $5 client address  $6 request id
with s as (
    update session set revoked_at = $4
     where user_id = $1 and sid in ($2::uuid, $3::uuid) and revoked_at is null
 returning sid
)
insert into audit (at, event, actor_id, target_id, client_address, request_id, detail)
select $4, 'logout', $1, $1, nullif($5::text, ''), $6::bytea,
       jsonb_build_object('sid', s.sid)
  from s
