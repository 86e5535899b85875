-- How many mails came to what, by template. $1 hour | day, $2 from, $3 to
select to_char(date_trunc($1, hour) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       template, outcome, sum(n)::bigint
  from (select hour, template, outcome, n
          from mail_hour
         where hour >= date_trunc('hour', $2::timestamptz) and hour < $3::timestamptz
        union all
        select date_trunc('hour', at), template, outcome, n
          from tally
         where n > 0 and at >= date_trunc('hour', $2::timestamptz) and at < $3::timestamptz
       ) c
 group by 1, 2, 3
 order by 1, 2, 3
 limit 20000
