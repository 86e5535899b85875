-- The sessions that still live.
-- $1 opened after, $2 used after, $3 limit
select encode(hash, 'hex'), user_id, name, encode(sid, 'hex'), role,
       (extract(epoch from created_at) * 1000000)::bigint,
       (extract(epoch from used_at) * 1000000)::bigint
  from session
 where created_at > $1 and used_at > $2
 order by used_at desc
 limit $3::integer
