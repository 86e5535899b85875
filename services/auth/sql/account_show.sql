-- An account as its owner sees it, and whether the session that asks still lives.
-- $1 user id  $2 sid or null
select u.id, u.username, u.email, u.role, u.is_verified, u.date_joined, u.last_login,
       u.is_active,
       $2::uuid is null
       or coalesce(s.revoked_at is null and s.uv >= u.session_min_uv, false) as alive
  from users u
  left join session s on s.sid = $2 and s.user_id = u.id
 where u.id = $1
