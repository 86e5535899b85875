-- The end of an attempt, fenced by the lease token: no row means that somebody else owns
-- the job by now and nothing was changed.
-- $1 job, $2 lease token, $3 sent | retry | dead | release, $4 delay in ms, $5 phase,
-- $6 code (null: died without one), $7 text, $8 1 when it may have been accepted,
-- $9 duration in ms, $10 attempts after which a mail that is refused again is dead,
-- $11 the dialogue
with verdict as (
    select job_id,
           case when $3::text in ('sent', 'dead') then $3::text
                when $3 = 'retry' and attempt - forgiven >= $10::int then 'dead'
                when expires_at <= now() + $4::bigint * interval '1 millisecond'
                     then 'expired'
                else 'ready' end as state
      from job
     where job_id = $1 and lease_token = $2 and state = 'leased'
       for update
), done as (
    update job j
       set state = v.state,
           run_at = now() + $4::bigint * interval '1 millisecond',
           finished_at = case when v.state <> 'ready' then now() end,
           lease_token = null, lease_until = null, crashes = 0,
           attempt = j.attempt - case when $3 = 'release' then 1 else 0 end,
           secret_sealed = case when v.state <> 'sent' then secret_sealed end,
           last_phase = $5, last_code = $6::int, last_error = nullif($7, ''),
           uncertain = j.uncertain + $8::int
      from verdict v
     where j.job_id = v.job_id
 returning j.job_id, j.state, j.attempt, j.worker, j.template, j.recipient
), noted as (
    insert into attempt (job_id, attempt, at, worker, phase, code, text, duration_ms,
                         dialogue)
    select job_id, attempt + case when $3 = 'release' then 1 else 0 end,
           now() - $9::int * interval '1 millisecond', worker, $5, $6::int,
           nullif($7, ''), $9::int, $11::jsonb
      from done
        on conflict (job_id, attempt) do update
       set at = excluded.at, worker = excluded.worker, phase = excluded.phase,
           code = excluded.code, text = excluded.text,
           duration_ms = excluded.duration_ms, dialogue = excluded.dialogue
), counted as (
    insert into tally (template, domain, outcome, n, state, delta)
    select template, lower(split_part(recipient, '@', 2)),
           case when state = 'ready' then 'deferred'
                when state = 'dead' and $6::int between 500 and 599 then 'bounced'
                else state end,
           1, nullif(state, 'ready'), case when state = 'ready' then 0 else 1 end
      from done
     where state <> 'ready' or $3 = 'retry'
)
select state, attempt from done
