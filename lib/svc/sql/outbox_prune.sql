-- One batch of retention: events that every consumer has acknowledged and that are older
-- than $2, and whatever is older than the hard limit $3. Events are numbered about in the
-- order they were written, so what may go is at the start: only the oldest are looked at,
-- however many are kept behind them.
-- $1 stream, $2 keep what is younger, $3 keep nothing older
with acked as (
    select coalesce(min(c.acked_seq), 0) as seq from event_consumer c where c.stream = $1
), oldest as materialized (
    select o.id, o.seq, o.created_at
      from outbox o
     where o.stream = $1 and o.seq is not null
     order by o.seq
     limit 1000
), gone as (
    delete from outbox
     where id = any (array(
           select o.id
             from oldest o, acked a
            where (o.seq <= a.seq and o.created_at < $2::timestamptz)
               or o.created_at < $3::timestamptz))
 returning seq
)
select count(*), count(*) filter (where g.seq > a.seq)
  from gone g, acked a
