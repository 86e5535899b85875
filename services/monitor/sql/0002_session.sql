-- Who is signed in, so that a restart of the monitor signs nobody out. The cookie is not here,
-- only its SHA-256: whoever reads this table cannot come in. No token of auth is kept; its
-- own session (sid) is asked about again and again.
create table session (
    hash       bytea primary key,
    user_id    bigint not null,
    name       text not null,
    sid        bytea,
    role       text not null check (role in ('admin', 'reader')),
    created_at timestamptz not null,
    used_at    timestamptz not null
);
