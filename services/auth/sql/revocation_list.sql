-- A page of what was revoked lately, with the stream's head of the same snapshot: whatever
-- is missing here has a higher number there.
-- $1 stream  $2 younger than  $3 after this row  $4 limit
select s.epoch, s.head, r.id, translate(r.sid::text, '-', ''), r.user_id, r.min_uv,
       floor(extract(epoch from r.created_at))::bigint, r.cause
  from event_stream s
  left join lateral (
       select *
         from revocation
        where id > $3::bigint and created_at > $2::timestamptz
        order by id
        limit $4::integer) r on true
 where s.stream = $1
 order by r.id
