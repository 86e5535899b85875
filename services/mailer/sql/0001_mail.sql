-- How far a stream has been read. One row a stream; epoch '' = never read.
create table cursor (
    stream text primary key,
    epoch  text not null,
    seq    bigint not null
);
insert into cursor (stream, epoch, seq) values ('user', '', 0);

-- The memory against duplicates: one row an event, no payload.
create table inbox (
    event_id    uuid primary key,
    stream      text not null,
    epoch       text not null,
    seq         bigint not null,
    type        text not null,
    state       text not null check (state in ('taken', 'ignored')),
    received_at timestamptz not null default now()
);
create index inbox_age on inbox (received_at);

-- One mail. job_id is the version 5 UUID of (event_id, template), so that an event that
-- is read twice names the same job.
create table job (
    job_id           uuid primary key,
    event_id         uuid not null,
    template         text not null,
    recipient        text not null,
    params           jsonb not null,
    secret_sealed    bytea,
    message_id       text not null unique,
    state            text not null default 'ready',
    attempt          smallint not null default 0,
    run_at           timestamptz not null default now(),
    lease_token      uuid,
    lease_until      timestamptz,
    worker           text,
    last_phase       text,
    last_code        integer,
    last_error       text,
    uncertain        smallint not null default 0,
    created_at       timestamptz not null default now(),
    event_created_at timestamptz not null,
    expires_at       timestamptz,
    finished_at      timestamptz,
    request_id       bytea,
    trace_id         bytea,
    constraint job_state check
        (state in ('ready', 'leased', 'sent', 'dead', 'expired', 'suppressed')),
    constraint job_finished check
        ((finished_at is not null) = (state in ('sent', 'dead', 'expired', 'suppressed'))),
    constraint job_lease check
        ((lease_token is not null) = (state = 'leased')
         and (lease_until is not null) = (state = 'leased')),
    constraint job_secret check
        (secret_sealed is null or state in ('ready', 'leased', 'dead'))
);
create index job_due on job (run_at, job_id) where state in ('ready', 'leased');
create index job_newest on job (created_at, job_id);
create index job_by_state on job (state, created_at, job_id);

-- What was tried, for people: never read by the queue.
create table attempt (
    job_id      uuid not null references job on delete cascade,
    attempt     smallint not null,
    at          timestamptz not null,
    worker      text not null,
    phase       text not null,
    code        integer,
    text        text,
    duration_ms integer not null,
    primary key (job_id, attempt)
);
