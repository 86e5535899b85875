-- The stream as it stands, and one row for each consumer known by its pulls (one without a
-- name when there is none). "Now" is the database's, whose clock wrote the rows.
-- $1 stream, $2 count at most so many
select s.epoch, s.head, w.waiting,
       greatest(0, floor(extract(epoch from now() - w.oldest)))::bigint,
       c.name, c.acked_seq,
       to_char(c.seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  from event_stream s
 cross join lateral (
       select count(*) as waiting, min(o.created_at) as oldest
         from (select created_at
                 from outbox
                where stream = s.stream and seq is null
                order by id
                limit $2::integer) o) w
  left join event_consumer c on c.stream = s.stream
 where s.stream = $1
 order by c.name
 limit 64
