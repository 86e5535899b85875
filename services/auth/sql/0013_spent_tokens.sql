-- A session that is refreshed for a year has a row for each of its tokens: those that ran out
-- are deleted (prune.sql), and found by this.
create index refresh_token_expires on refresh_token (expires_at);
