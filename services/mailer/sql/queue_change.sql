-- Changes what is given and keeps the rest. $1 {"connections": n or null, "per_minute": n
-- or null}, $2 actor, $3 reason
with seen as materialized (
    select connections, per_minute from queue for update
), done as (
    update queue q
       set connections = case when $1::jsonb ? 'connections'
                              then ($1::jsonb ->> 'connections')::smallint
                              else s.connections end,
           per_minute = case when $1::jsonb ? 'per_minute'
                             then ($1::jsonb ->> 'per_minute')::int
                             else s.per_minute end,
           changed_by = $2, changed_at = now()
      from seen s
 returning q.connections, q.per_minute
), act as (
    insert into action (method, actor, reason, detail)
    select 'mailer.queue.settings', $2, $3,
           jsonb_build_object('before', to_jsonb(s), 'after', to_jsonb(d))
      from seen s, done d
 returning id
)
select d.connections, d.per_minute, (select id from act) from done d
