-- One account for an operator, as lines; whatever counts against its logins, too.
-- $1 username  $2 identity  $3 now
select format(E'id          %s\nusername    %s\nemail       %s\nrole        %s\nactive      %s\n'
              'verified    %s\njoined      %s\nlast login  %s\nversion     %s\nsessions    %s%s',
              u.id, u.username, u.email, u.role,
              case when u.is_active then 'yes' else 'no' end,
              case when u.is_verified then 'yes' else 'no' end,
              to_char(u.date_joined at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
              coalesce(to_char(u.last_login at time zone 'UTC',
                               'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'never'),
              u.uv,
              (select count(*) from session s
                where s.user_id = u.id and s.revoked_at is null
                  and s.uv >= u.session_min_uv and s.expires_at > $3::timestamptz),
              (select string_agg(
                          format(E'\nlogins      %s failed from %s%s', g.failures,
                                 case g.network when '*' then 'all networks together'
                                                else g.network end,
                                 case when g.locked_until > $3::timestamptz then
                                     to_char(g.locked_until at time zone 'UTC',
                                             '", locked until "YYYY-MM-DD"T"HH24:MI:SS"Z"')
                                 end), '' order by g.network)
                 from login_guard g
                where g.identity = $2::bytea and g.failures > 0
                  and g.forget_at > $3::timestamptz))
  from users u
 where u.username = $1
