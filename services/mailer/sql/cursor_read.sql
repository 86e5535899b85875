-- $1 stream
select epoch, seq from cursor where stream = $1
