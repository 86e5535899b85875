-- Numbers what has committed and returns it. README.md says why it has this shape.
-- $1 stream, $2 whether to count what waits, where that is dear
with head as (
    select s.stream, s.epoch, s.head
      from event_stream s
     where s.stream = $1
       and exists (select 1 from outbox w where w.stream = $1 and w.seq is null)
       for update skip locked
), pick as (
    select o.id, h.head
      from outbox o join head h on h.stream = o.stream
     where o.seq is null
     order by o.id
     limit 500
       for update of o
), picked as (
    select count(*) as n from pick
), numbered as (
    select p.id, p.head + row_number() over (order by p.id) as seq from pick p
), moved as (
    update event_stream s set head = s.head + c.n
      from picked c
     where s.stream = $1 and c.n > 0
), done as (
    update outbox o set seq = n.seq, published_at = now()
      from numbered n
     where o.id = n.id
 returning o.seq, o.event_id, o.type, o.version, o.aggregate_id, o.created_at,
           o.expires_at, o.request_id, o.trace_id, o.payload, o.secret_sealed, o.published_at
)
select s.epoch, s.head,
       case when p.n between 1 and 499 then p.n
            when $2::boolean
            then (select count(*) from (select 1 from outbox late where late.stream = $1
                                           and late.seq is null limit 100000) w)
       end as waiting,
       d.seq, d.event_id, d.type, d.version, d.aggregate_id,
       to_char(d.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(d.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       encode(d.request_id, 'hex'), encode(d.trace_id, 'hex'), d.payload,
       translate(encode(d.secret_sealed, 'base64'), '+/=' || chr(10), '-_'),
       to_char(d.published_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  from event_stream s cross join picked p left join done d on true
 where s.stream = $1
 order by d.seq
