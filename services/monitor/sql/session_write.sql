-- A session that was opened, used or whose role has changed.
-- $1 hash, $2 user, $3 name, $4 sid or null, $5 role, $6 opened at, $7 used at
insert into session (hash, user_id, name, sid, role, created_at, used_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (hash) do update set role = excluded.role, used_at = excluded.used_at
