-- When an event got its number and was published; null for those of before.
alter table outbox add column published_at timestamptz;
