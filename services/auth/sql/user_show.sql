-- One account for an operator, as lines. $1 username
select format(E'id          %s\nusername    %s\nemail       %s\nrole        %s\nactive      %s\n'
              'verified    %s\njoined      %s\nlast login  %s\nversion     %s\nsessions    %s',
              u.id, u.username, u.email, u.role,
              case when u.is_active then 'yes' else 'no' end,
              case when u.is_verified then 'yes' else 'no' end,
              to_char(u.date_joined at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
              coalesce(to_char(u.last_login at time zone 'UTC',
                               'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'never'),
              u.uv,
              (select count(*) from session s
                where s.user_id = u.id and s.revoked_at is null
                  and s.uv >= u.session_min_uv and s.expires_at > now()))
  from users u
 where u.username = $1
