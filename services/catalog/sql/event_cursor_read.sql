-- $1 stream
select epoch, seq from event_cursor where stream = $1
