-- The ends of attempts, each fenced by its lease token: no row for a job means that somebody
-- else owns it by now and nothing of it was changed. Jobs are locked in the order of their
-- ids, as retry and revoke do.
-- $1 array of {job, token, how: sent | retry | dead | release, delay: in ms, phase, code
-- (null: died without one), text, uncertain: 1 when it may have been accepted, ms: the
-- duration, most: attempts after which a mail that is refused again is dead, dialogue}
with e as materialized (
    select *
      from jsonb_to_recordset($1::jsonb)
           as e (job uuid, token uuid, how text, delay bigint, phase text, code integer,
                 text text, uncertain integer, ms integer, most integer, dialogue jsonb)
     -- What else there is to say about them tells the planner that they are few.
     where e.how in ('sent', 'retry', 'dead', 'release') and e.uncertain in (0, 1)
), verdict as materialized (
    select e.*,
           case when e.how in ('sent', 'dead') then e.how
                when e.how = 'retry' and j.attempt - j.forgiven >= e.most then 'dead'
                when j.expires_at <= now() + e.delay * interval '1 millisecond'
                     then 'expired'
                when job_is_replaced(j) then 'suppressed'
                else 'ready' end as state
      from job j
      join e on e.job = j.job_id and e.token = j.lease_token
     where j.state = 'leased'
     order by j.job_id
       for update of j
), done as (
    update job j
       set state = v.state,
           run_at = case when v.state = 'ready'
                         then now() + v.delay * interval '1 millisecond' else run_at end,
           finished_at = case when v.state <> 'ready' then now() end,
           lease_token = null, lease_until = null, crashes = 0,
           attempt = j.attempt - case when v.how = 'release' then 1 else 0 end,
           secret_sealed = case when v.state not in ('sent', 'suppressed')
                                then secret_sealed end,
           last_phase = v.phase, last_code = v.code,
           last_error = case when v.state = 'suppressed'
                             then 'a newer link took its place' else nullif(v.text, '') end,
           uncertain = j.uncertain + v.uncertain
      from verdict v
     where j.job_id = v.job
 returning j.job_id, j.state, j.attempt, j.worker, j.template, j.recipient, v.how, v.phase,
           v.code, v.text, v.ms, v.dialogue
), noted as (
    insert into attempt (job_id, attempt, at, worker, phase, code, text, duration_ms,
                         dialogue)
    select job_id, attempt + case when how = 'release' then 1 else 0 end,
           now() - ms * interval '1 millisecond', worker, phase, code, nullif(text, ''), ms,
           dialogue
      from done
        on conflict (job_id, attempt) do update
       set at = excluded.at, worker = excluded.worker, phase = excluded.phase,
           code = excluded.code, text = excluded.text,
           duration_ms = excluded.duration_ms, dialogue = excluded.dialogue
), counted as (
    insert into tally (template, domain, outcome, n, state, delta)
    select template, lower(split_part(recipient, '@', -1)),
           case when state = 'ready' then 'deferred'
                when state = 'dead' and code between 500 and 599 then 'bounced'
                else state end,
           count(*), nullif(state, 'ready'), case when state = 'ready' then 0 else count(*) end
      from done
     where state <> 'ready' or how = 'retry'
     group by template, 2, 3, state
)
select job_id, state, attempt from done
