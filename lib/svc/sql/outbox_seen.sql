-- What a consumer has behind it: retention keeps the rest for it.
-- $1 consumer, $2 stream, $3 its cursor, $4 now
insert into event_consumer (name, stream, acked_seq, seen_at)
values ($1, $2, $3, $4)
on conflict (name, stream) do update
   set acked_seq = greatest(event_consumer.acked_seq, excluded.acked_seq),
       seen_at = excluded.seen_at
