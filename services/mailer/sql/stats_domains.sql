-- The recipients' domains with most trouble. $1 from, $2 to, $3 how many domains
with c as (
    select domain, outcome, n
      from domain_hour
     where hour >= date_trunc('hour', $1::timestamptz) and hour < $2::timestamptz
    union all
    select domain, outcome, n
      from tally
     where n > 0 and at >= date_trunc('hour', $1::timestamptz) and at < $2::timestamptz
)
select domain, coalesce(sum(n) filter (where outcome = 'sent'), 0)::bigint,
       coalesce(sum(n) filter (where outcome = 'deferred'), 0)::bigint,
       coalesce(sum(n) filter (where outcome = 'bounced'), 0)::bigint,
       coalesce(sum(n) filter (where outcome in ('dead', 'expired')), 0)::bigint
  from c
 group by domain
 order by coalesce(sum(n) filter (where outcome in ('deferred', 'bounced', 'dead',
                                                    'expired')), 0) desc,
          2 desc, domain
 limit $3::int
