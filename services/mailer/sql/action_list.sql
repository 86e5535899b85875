-- What operators did, newest first. $1 older than this one or null, $2 limit
select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), method, actor,
       reason, detail
  from action
 where $1::bigint is null or id < $1::bigint
 order by id desc
 limit $2::int
