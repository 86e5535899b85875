-- Whose password a link may set. $1 hash  $2 user id or null  $3 now
select x.username, x.email
  from email_token t join users x on x.id = t.user_id
 where t.hash = $1 and t.purpose = 'reset' and t.expires_at > $3::timestamptz
   and x.reset_link = $1 and x.is_active and x.id = coalesce($2::bigint, x.id)
