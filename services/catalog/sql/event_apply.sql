-- A batch of events: names and cursor in one statement. Nothing happens unless the cursor
-- stands where the batch begins; its row lock is what racing replicas queue on.
-- $1 stream, $2 epoch, $3 after, $4 last, $5 rows (user_id, username or null, version), one
-- a user
with spot as materialized (
    select seq, seq = $3::bigint and epoch in ('', $2::text) as fits
    from event_cursor
    where stream = $1
    for update
), named as (
    insert into user_name as u (user_id, username, version)
    select e.user_id, e.username, e.version
    from spot, jsonb_to_recordset($5::jsonb)
        as e (user_id bigint, username text, version bigint)
    where spot.fits
    on conflict (user_id) do update
        set username = excluded.username, version = excluded.version
        where u.version <= excluded.version -- of equal ones the owner's word counts
), moved as (
    update event_cursor c
    set seq = $4::bigint, epoch = $2
    from spot
    where c.stream = $1 and spot.fits
    returning c.seq
)
select spot.fits, coalesce((select seq from moved), spot.seq) from spot
