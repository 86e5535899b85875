-- What gateways must know of when they start: the access tokens that were taken back and
-- would otherwise still work. A row is kept a little longer than such a token lives.

create table revocation (
    id bigint generated always as identity primary key,
    created_at timestamptz not null,
    user_id bigint not null,
    sid uuid,                               -- one session's tokens, or
    min_uv bigint,                          -- all tokens of an older user version
    cause text not null check (cause in ('ended', 'inactive', 'deleted')),
    check ((sid is null) <> (min_uv is null))
);
create index revocation_created on revocation (created_at);
