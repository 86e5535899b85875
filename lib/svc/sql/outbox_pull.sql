-- Events after a number, with the head of the same snapshot. The same columns as
-- outbox_sequence.sql, so that one piece of code writes both.
-- $1 stream, $2 after, $3 limit
select s.epoch, s.head, 0 as waiting,
       d.seq, d.event_id, d.type, d.version, d.aggregate_id,
       to_char(d.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(d.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       encode(d.request_id, 'hex'), encode(d.trace_id, 'hex'), d.payload,
       translate(encode(d.secret_sealed, 'base64'), '+/=' || chr(10), '-_'),
       to_char(d.published_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  from event_stream s
  left join lateral (
       select o.*
         from outbox o
        where o.stream = s.stream and o.seq > $2
        order by o.seq
        limit $3) d on true
 where s.stream = $1
 order by d.seq
