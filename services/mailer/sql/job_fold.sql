-- Adds up what was appended to `tally`. One replica at a time: whoever has the queue's row.
with turn as materialized (
    select one from queue where exists (select from tally) for update skip locked
), batch as materialized (
    select e.* from tally e, turn order by e.id limit 5000 for update of e
), gone as (
    delete from tally e using batch b where e.id = b.id
), totals as (
    insert into job_total as t (state, n)
    select state, sum(delta) from batch where state is not null group by state
        on conflict (state) do update set n = t.n + excluded.n
), hours as (
    insert into mail_hour as h (hour, template, outcome, n)
    select date_trunc('hour', at), template, outcome, sum(n)
      from batch where n > 0 group by 1, 2, 3
        on conflict (hour, template, outcome) do update set n = h.n + excluded.n
), domains as (
    insert into domain_hour as h (hour, domain, outcome, n)
    select date_trunc('hour', at), domain, outcome, sum(n)
      from batch where n > 0 group by 1, 2, 3
        on conflict (hour, domain, outcome) do update set n = h.n + excluded.n
)
select count(*) from batch
