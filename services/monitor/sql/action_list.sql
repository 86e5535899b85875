-- $1 before this id or null, $2 limit, $3 actor or null, $4 action or null
select id, (extract(epoch from at) * 1000000)::bigint, actor, via, client, action,
       subject, count, reason, outcome, coalesce(summary, '')
  from action
 where ($1::bigint is null or id < $1::bigint)
   and ($3::text is null or actor = $3) and ($4::text is null or action = $4)
 order by id desc
 limit $2::int
