-- The event stream's record; lib/svc/sql/README.md tells how it is used.

create table event_stream (
    stream text primary key,
    epoch uuid not null,
    head bigint not null default 0
);
insert into event_stream (stream, epoch) values ('user', gen_random_uuid());

create table outbox (
    id bigint generated always as identity primary key,
    event_id uuid not null unique,
    stream text not null references event_stream (stream),
    aggregate_id bigint not null,
    type text not null,
    version smallint not null,
    payload jsonb not null,
    secret_sealed bytea,
    created_at timestamptz not null default now(),
    seq bigint,
    request_id bytea,
    trace_id bytea,
    span_id bytea,
    actor_id bigint,
    expires_at timestamptz,
    unique (stream, seq)
);
create index outbox_unsequenced on outbox (id) where seq is null;
create index outbox_created on outbox (created_at) where seq is not null;

create table event_consumer (
    name text not null,
    stream text not null references event_stream (stream),
    acked_seq bigint not null,
    seen_at timestamptz not null,
    primary key (name, stream)
);
