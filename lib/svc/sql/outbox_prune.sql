-- One batch of retention: events that every consumer has acknowledged and that are older
-- than $2, and whatever is older than the hard limit $3.
-- $1 stream, $2 keep what is younger, $3 keep nothing older
with acked as (
    select coalesce(min(c.acked_seq), 0) as seq from event_consumer c where c.stream = $1
), gone as (
    delete from outbox
     where id in (select o.id
                    from outbox o, acked a
                   where o.stream = $1
                     and o.seq is not null
                     and ((o.seq <= a.seq and o.created_at < $2) or o.created_at < $3)
                   order by o.seq
                   limit 1000)
 returning seq
)
select count(*), count(*) filter (where g.seq > a.seq)
  from gone g, acked a
