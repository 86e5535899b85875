-- When the owner of an address was last told that somebody registered with it
-- (AUTH_ENUMERATION_SAFE).
alter table users add column exists_sent_at timestamptz;
