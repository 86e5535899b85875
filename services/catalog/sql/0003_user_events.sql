-- The names of users follow auth's stream of events. A deleted user's row stays without a
-- name, at a version newer than any token, so that nothing that comes late names him again.

alter table user_name alter column username drop not null;

create table event_cursor (
    stream text primary key,
    epoch text not null,                    -- '': never read
    seq bigint not null
);
insert into event_cursor (stream, epoch, seq) values ('user', '', 0);
