-- $1 id, $2 outcome, $3 summary, $4 count or null
update action
   set outcome = $2, summary = $3, count = $4::int
 where id = $1::bigint
returning id, (extract(epoch from at) * 1000000)::bigint, actor, via, client, action,
          subject, count, reason, outcome, coalesce(summary, '')
