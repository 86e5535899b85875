-- Filters, and pages far down a list.

create index user_name_by_name on user_name (username);

-- Grows by a random step with every change of a list's members, so that an equal sum over
-- the shards means: the same list. A plain count could come back to an old value after a
-- restore.
alter table counter add column changes bigint not null default (random() * 1e9)::bigint;
