-- A batch of rows that are too old, or too many.
-- $1 tier, $2 older than (seconds), $3 rows that may stay
with many as materialized (
    select start_s
      from rollup
     where tier = $1::smallint
     order by start_s desc
    offset $3::bigint
     limit 1
)
delete from rollup
 where (tier, start_s, service, instance, writer) in (
           select tier, start_s, service, instance, writer
             from rollup
            where tier = $1::smallint
              and start_s < greatest($2::bigint, coalesce((select start_s from many), 0))
            limit 5000)
