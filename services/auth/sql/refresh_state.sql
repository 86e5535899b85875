-- How a refresh token stands: the check of AUTH_REFRESH_ROTATION=off, and the reason when
-- refresh_rotate.sql refused. No row: no such user.
-- $1 jti  $2 sid  $3 user id
select u.username, u.role, u.uv, u.is_active,
       coalesce(s.revoked_at is null and s.uv >= u.session_min_uv, false) as alive,
       t.jti is not null as known,
       t.used_at is not null as used,
       extract(epoch from t.used_at)::float8 as used_at,
       replace(c.jti::text, '-', '') as child,
       extract(epoch from c.issued_at)::bigint as child_issued,
       extract(epoch from c.expires_at)::bigint as child_expires,
       c.used_at is not null as child_used
  from users u
  left join session s on s.sid = $2 and s.user_id = u.id
  left join refresh_token t on t.jti = $1 and t.sid = s.sid
  left join refresh_token c on c.jti = t.child
 where u.id = $3
