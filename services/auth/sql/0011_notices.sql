-- When the user was last told that a spent refresh token came back.
alter table users add column reuse_sent_at timestamptz;
