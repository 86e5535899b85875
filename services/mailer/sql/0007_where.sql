-- What a filter's members cannot say: a condition with and, or and not over what lists show of
-- a mail, as a jsonpath predicate in f ->> 'where' (job_filter.c writes it). Texts that are not
-- there are empty, numbers that are not there fit no range; times are microseconds since 1970.
-- No index helps it: whoever asks says how many rows may be looked at.
create function job_where(j job, f jsonb) returns boolean
language sql stable
as $$
select f ->> 'where' is null
       or coalesce(jsonb_build_object(
              'state', j.state, 'template', j.template, 'recipient', j.recipient,
              'worker', coalesce(j.worker, ''), 'error', coalesce(j.last_error, ''),
              'job_id', j.job_id, 'event_id', j.event_id,
              'request_id', coalesce(encode(j.request_id, 'hex'), ''),
              'user_id', j.user_id, 'attempt', j.attempt, 'code', j.last_code,
              'created', (extract(epoch from j.created_at) * 1000000)::bigint,
              'finished', (extract(epoch from j.finished_at) * 1000000)::bigint,
              'took', (extract(epoch from j.finished_at - j.created_at) * 1000000)::bigint)
              @@ (f ->> 'where')::jsonpath, false)
$$;
