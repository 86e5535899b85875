-- What the queue holds now, and how long the oldest due mail has waited.
select count(*) filter (where state = 'ready'), count(*) filter (where state = 'leased'),
       coalesce(extract(epoch from now() - min(run_at) filter (where state = 'ready'
                                                               and run_at <= now())), 0)::bigint
  from job
 where finished_at is null
