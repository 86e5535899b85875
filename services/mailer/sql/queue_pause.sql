-- Pauses or resumes the queue of all replicas. $1 true to pause, $2 actor, $3 reason
with seen as materialized (
    select paused from queue for update
), done as (
    update queue q
       set paused = $1::boolean,
           paused_by = case when $1::boolean then $2::text end,
           paused_why = case when $1::boolean then $3::text end,
           paused_at = case when $1::boolean then now() end,
           changed_by = $2, changed_at = now()
      from seen s
     where s.paused <> $1::boolean
 returning q.paused
), act as (
    insert into action (method, actor, reason)
    select case when paused then 'mailer.queue.pause' else 'mailer.queue.resume' end, $2, $3
      from done
 returning id
)
select s.paused, exists (select from done), (select id from act) from seen s
