-- The order that claims walk is that of one index only: with (run_at, job_id) as its columns
-- job_by_run had the same, and a statement that was planned while the table was empty could
-- take that one and walk over all mails that have ended.
drop index job_due;
create index job_due on job (finished_at, run_at, job_id) where finished_at is null;
