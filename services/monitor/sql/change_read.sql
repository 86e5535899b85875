-- $1 from, $2 to, $3 limit, $4 subject or null
select id, (extract(epoch from at) * 1000000)::bigint, kind, subject, text,
       coalesce(who, '')
  from change
 where at >= $1::timestamptz and at < $2::timestamptz
   and ($4::text is null or subject = $4)
 order by at desc, id desc
 limit $3::int
