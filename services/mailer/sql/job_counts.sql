-- How many jobs are in each state: finished ones are kept count of (what was added up, and
-- what has not been yet), the others are few and indexed.
select state, sum(n)::bigint
  from (select state, n from job_total
        union all
        select state, delta from tally where state is not null
        union all
        select state, count(*) from job where finished_at is null group by state
       ) c
 group by state
