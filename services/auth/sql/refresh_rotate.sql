-- Spends a refresh token. Every row that decides is locked by its CTE, in the order users,
-- session, refresh_token, so each is the newest version and stays so; no row at all in
-- the answer means that one of them said no (refresh_state.sql tells which).
-- $1 jti  $2 sid  $3 user id  $4 now  $5 the child's jti  $6 the child's expiry
with u as (
    select id, username, role, uv, session_min_uv
      from users
     where id = $3 and is_active
       for share
), s as (
    select s.sid, u.username, u.role, u.uv
      from session s join u on u.id = s.user_id
     where s.sid = $2 and s.revoked_at is null and s.uv >= u.session_min_uv
       for no key update of s
), spent as (
    update refresh_token t
       set used_at = $4, child = $5
      from s
     where t.jti = $1 and t.sid = s.sid and t.used_at is null
 returning t.sid
), child as (
    insert into refresh_token (jti, sid, parent, issued_at, expires_at)
    select $5, spent.sid, $1, $4, $6 from spent
), longer as (
    update session x set expires_at = $6 from spent where x.sid = spent.sid
)
select s.username, s.role, s.uv from s join spent on spent.sid = s.sid
