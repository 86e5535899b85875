-- When an earlier run noted something last, in microseconds; null: never.
select greatest((select start_s * 1000000 from rollup where tier = 0
                  order by start_s desc limit 1),
                (select (extract(epoch from at) * 1000000)::bigint from change
                  order by at desc limit 1))
