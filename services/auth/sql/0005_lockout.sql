-- Wrong passwords, counted so that guessing gets slow.

-- One row for a name and a network that tries it, and one for the name with network '*'
-- (all networks together). The name need not exist: it is kept as a keyed hash.
create table login_guard (
    identity bytea not null,
    network text not null,                  -- 203.0.113.0/24, 2001:db8::/64, none, *
    attempts integer not null,              -- failures, and comparisons under way
    failures integer not null,
    reserved_at timestamptz not null,       -- the last comparison began
    locked_until timestamptz,
    forget_at timestamptz not null,         -- from then on the row counts for nothing
    primary key (identity, network)
);
create index login_guard_forget on login_guard (forget_at);

-- Where a user has logged in from: the delay for all networks is not for these.
create table login_network (
    user_id bigint not null references users (id) on delete cascade,
    network text not null,
    seen_at timestamptz not null,
    primary key (user_id, network)
);
create index login_network_seen on login_network (seen_at);
