-- A mail is written twice on its way: when it is claimed and when it ends. The claim changes
-- nothing that an index looks at any more, so that Postgres writes one new row version into
-- the same page and no index entry at all (a "heap only tuple"); the end touches fewer.
--
-- What lists look for while a mail is leased is what it was before: `standing` is the state
-- with 'leased' counted as 'ready', `ended` the attempts that have come to an end. A statement
-- that filters by state or attempt says both: one finds, the other decides.
alter table job
    add column standing text generated always as
        (case when state = 'leased' then 'ready' else state end) stored,
    add column ended smallint generated always as
        ((attempt - case when state = 'leased' then 1 else 0 end)::smallint) stored,
    -- It is job_id with a domain behind it, and that is unique already.
    drop constraint job_message_id_key,
    -- Room in every page for the versions that claims write.
    set (fillfactor = 80);

drop index job_due, job_by_state, job_by_attempt, job_by_code;
create index job_due on job (run_at, job_id) where finished_at is null;
create index job_by_standing on job (standing, created_at, job_id);
create index job_by_ended on job (ended, job_id);
-- Nearly all mails end with 250: the index of the newest finds those at once.
create index job_by_code on job (last_code, created_at) where last_code <> 250;

create or replace function job_fits(j job, f jsonb) returns boolean
language sql stable
as $$
select (f ->> 'states' is null
        or (j.state = any ((f ->> 'states')::text[])
            and j.standing = any (array_replace((f ->> 'states')::text[], 'leased', 'ready'))))
   and (f ->> 'template' is null or j.template = f ->> 'template')
   and (f ->> 'recipient' is null
        or j.recipient ilike
           '%' || regexp_replace(f ->> 'recipient', '([\\%_])', '\\\1', 'g') || '%')
   and (f ->> 'user_id' is null or j.user_id = (f ->> 'user_id')::bigint)
   and (f ->> 'event_id' is null or j.event_id = (f ->> 'event_id')::uuid)
   and (f ->> 'request_id' is null or j.request_id = decode(f ->> 'request_id', 'hex'))
   and (f ->> 'created_from' is null
        or j.created_at >= (f ->> 'created_from')::timestamptz)
   and (f ->> 'created_to' is null or j.created_at < (f ->> 'created_to')::timestamptz)
   and (f ->> 'finished_from' is null
        or j.finished_at >= (f ->> 'finished_from')::timestamptz)
   and (f ->> 'finished_to' is null or j.finished_at < (f ->> 'finished_to')::timestamptz)
   and (f ->> 'attempt_min' is null
        or (j.attempt >= (f ->> 'attempt_min')::int
            and (j.ended >= (f ->> 'attempt_min')::int or j.finished_at is null)))
   and (f ->> 'attempt_max' is null
        or (j.attempt <= (f ->> 'attempt_max')::int
            and j.ended <= (f ->> 'attempt_max')::int))
   and (f ->> 'code' is null or j.last_code = (f ->> 'code')::int)
   and (f ->> 'worker' is null or j.worker = f ->> 'worker')
$$;
