-- What one replica did in a slot of time. tier: length of the slot, 0 = 10 s, 1 = 1 min,
-- 2 = 10 min, 3 = 1 h. writer: the run of the monitor that saw it (its start); two runs in
-- one slot are two rows, and readers add them up. data: counters, mergeable histograms and
-- gauges, as figures.h describes.
create table rollup (
    tier     smallint not null,
    start_s  bigint not null,
    service  text not null,
    instance text not null,
    writer   bigint not null,
    data     jsonb not null,
    primary key (tier, start_s, service, instance, writer)
);

-- What happened: starts, stops, crashes, versions, what operators did.
create table change (
    id      bigint primary key,
    at      timestamptz not null,
    kind    text not null,
    subject text not null,
    text    text not null,
    who     text
);
create index change_at on change (at);

-- What operators did. A row is there before anything is done.
create table action (
    id      bigint generated always as identity primary key,
    at      timestamptz not null default now(),
    actor   text not null,
    via     text not null,
    client  text not null,
    action  text not null,
    subject text not null,
    count   integer,
    reason  text not null,
    outcome text not null check (outcome in ('begun', 'done', 'failed')),
    summary text
);
create index action_at on action (at);
