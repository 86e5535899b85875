-- $1 tier, $2 from and $3 to (seconds), $4 service or null, $5 instance or null
select start_s, service, instance, data::text
  from rollup
 where tier = $1::smallint and start_s >= $2::bigint and start_s < $3::bigint
   and ($4::text is null or service = $4) and ($5::text is null or instance = $5)
 order by start_s
 limit 60000
