-- Accounts whose name or address holds a text, as lines. $1 the text, perhaps empty
-- $2 lines at most
select string_agg(line, chr(10) order by id)
  from (select id, format('%s  %s  %s  %s%s%s', id, username,
                          case when email = '' then '-' else email end, role,
                          case when is_active then '' else '  inactive' end,
                          case when is_verified then '' else '  unverified' end) as line
          from users
         where strpos(lower(username), lower($1::text)) > 0
            or strpos(lower(email), lower($1::text)) > 0
         order by id
         limit $2::integer) found
