-- Changes what is given and keeps the rest; says how it was before and is now.
-- $1 {"connections": n or null, "connections_by": so many more or less, "per_minute": n or
-- null}, $2 actor, $3 reason, $4 connections as configured, $5 most connections
with seen as materialized (
    select connections, per_minute from queue for update
), wanted as materialized (
    select case when $1::jsonb ? 'connections' then ($1::jsonb ->> 'connections')::smallint
                when $1::jsonb ? 'connections_by'
                     then least(greatest(coalesce(s.connections, $4::int)
                                         + ($1::jsonb ->> 'connections_by')::int, 1),
                                $5::int)
                else s.connections end as connections,
           case when $1::jsonb ? 'per_minute' then ($1::jsonb ->> 'per_minute')::int
                else s.per_minute end as per_minute
      from seen s
), done as (
    update queue q
       set connections = w.connections, per_minute = w.per_minute,
           changed_by = $2, changed_at = now()
      from wanted w
), act as (
    insert into action (method, actor, reason, detail)
    select 'mailer.queue.settings', $2, $3,
           jsonb_build_object('before', to_jsonb(s), 'after', to_jsonb(w))
      from seen s, wanted w
 returning id
)
select w.connections, w.per_minute, (select id from act), s.connections, s.per_minute
  from seen s, wanted w
