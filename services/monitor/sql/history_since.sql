-- How far back there is anything.
select (select start_s from rollup where tier = 3 order by start_s limit 1),
       (select start_s from rollup where tier = 0 order by start_s limit 1)
