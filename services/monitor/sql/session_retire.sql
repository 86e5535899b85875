-- The sessions that ended by their times while no monitor was there to notice.
-- $1 opened after, $2 used after
delete from session where created_at <= $1 or used_at <= $2
