-- What operators do and see: acting on mails, the queue's settings, counts and charts.

alter table job
    add column user_id    bigint,
    add column crashes    smallint not null default 0, -- leases in a row that ran out
    add column forgiven   smallint not null default 0, -- attempts before the last retry
    add column claimed_at timestamptz,                 -- the present or last lease
    add column body_at    timestamptz,                 -- its body may be on the wire
    drop constraint job_state,
    add constraint job_state check
        (state in ('ready', 'leased', 'sent', 'dead', 'expired', 'suppressed', 'revoked')),
    drop constraint job_finished,
    add constraint job_finished check
        ((finished_at is not null)
         = (state in ('sent', 'dead', 'expired', 'suppressed', 'revoked'))),
    drop constraint job_secret,
    add constraint job_secret check
        (secret_sealed is null
         or state in ('ready', 'leased', 'dead', 'expired', 'revoked'));
update job set user_id = (params ->> 'user_id')::bigint;

alter table inbox add column published_at timestamptz;
alter table attempt add column dialogue jsonb; -- [{"ms":..,"phase":..,"text":..}]

-- One for each order a list can have, one for each filter that finds few.
create index job_by_run on job (run_at, job_id);
create index job_by_end on job ((coalesce(finished_at, 'infinity')), job_id);
create index job_by_attempt on job (attempt, job_id);
create index job_of_user on job (user_id, created_at) where user_id is not null;
create index job_of_event on job (event_id);
create index job_of_request on job (request_id) where request_id is not null;
create index job_by_code on job (last_code, created_at);

-- Parts of addresses; a server without the extension still answers, slower.
do $$
declare
    home text;
begin
    create extension if not exists pg_trgm;
    select n.nspname into home from pg_extension e
        join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
    execute format('create index job_recipient_parts on job'
                   ' using gin (recipient %I.gin_trgm_ops)', home);
exception
    when insufficient_privilege or undefined_file or feature_not_supported
        or undefined_object then
        raise notice 'pg_trgm is not available';
end
$$;

-- The one meaning of a list's filters, for every statement that selects jobs. It is one
-- expression without sub-selects, so that the planner looks through it and finds indexes.
-- states: text of a text[]; request_id: hex; times and numbers as text.
create function job_fits(j job, f jsonb) returns boolean
language sql stable
as $$
select (f ->> 'states' is null or j.state = any ((f ->> 'states')::text[]))
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
   and (f ->> 'attempt_min' is null or j.attempt >= (f ->> 'attempt_min')::int)
   and (f ->> 'attempt_max' is null or j.attempt <= (f ->> 'attempt_max')::int)
   and (f ->> 'code' is null or j.last_code = (f ->> 'code')::int)
   and (f ->> 'worker' is null or j.worker = f ->> 'worker')
$$;

-- What all replicas obey, read with every claim. One row. per_minute: mails a minute over
-- all replicas, null for no limit; tokens: what may be sent at once, as of tokens_at.
create table queue (
    one         boolean primary key default true check (one),
    paused      boolean not null default false,
    paused_by   text,
    paused_why  text,
    paused_at   timestamptz,
    connections smallint,
    per_minute  integer,
    tokens      double precision not null default 1,
    tokens_at   timestamptz not null default now(),
    changed_by  text,
    changed_at  timestamptz
);
insert into queue default values;

-- What operators did, and to which jobs.
create table action (
    id     bigint generated always as identity primary key,
    at     timestamptz not null default now(),
    method text not null,
    actor  text not null,
    reason text not null,
    detail jsonb not null default '{}'
);
create table action_job (
    job_id    uuid not null references job on delete cascade,
    action_id bigint not null references action on delete cascade,
    was       text not null, -- the job's state before
    primary key (job_id, action_id)
);
create index action_job_action on action_job (action_id);

-- Counting without scanning and without one hot row: whoever changes jobs appends what
-- changed; job_fold.sql adds it up. delta: how many jobs more are in `state`; n: how many
-- times `outcome` happened.
create table tally (
    id       bigint generated always as identity primary key,
    at       timestamptz not null default now(),
    template text not null,
    domain   text not null,
    outcome  text not null,
    n        integer not null,
    state    text,
    delta    integer not null default 0
);
create table job_total (
    state text primary key,
    n     bigint not null
);
create table mail_hour (
    hour     timestamptz not null,
    template text not null,
    outcome  text not null,
    n        bigint not null,
    primary key (hour, template, outcome)
);
create table domain_hour (
    hour    timestamptz not null,
    domain  text not null,
    outcome text not null,
    n       bigint not null,
    primary key (hour, domain, outcome)
);

insert into job_total
select state, count(*) from job where finished_at is not null group by state;
insert into mail_hour
select date_trunc('hour', created_at), template, 'queued', count(*) from job group by 1, 2
union all
select date_trunc('hour', finished_at), template,
       case when state = 'dead' and last_code between 500 and 599 then 'bounced'
            else state end,
       count(*)
  from job
 where finished_at is not null
 group by 1, 2, 3;
