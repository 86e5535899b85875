-- $1 id, $2 at, $3 kind, $4 subject, $5 text, $6 who
insert into change (id, at, kind, subject, text, who)
values ($1::bigint, $2::timestamptz, $3, $4, $5, $6)
    on conflict (id) do nothing
