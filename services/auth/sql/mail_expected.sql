-- Events somebody should have had a mail for, oldest first, with how their account is now.
-- $1 written at or after, and behind the event with $2 this id when at that very time,
-- $3 before, $4 limit
with e as materialized (
    (select id, event_id, seq, type, aggregate_id, payload, created_at, expires_at
       from outbox
      where seq is not null and created_at >= $1::timestamptz
        and (created_at, id) > ($1::timestamptz, $2::bigint)
        and created_at < $3::timestamptz
        and type in ('user.registered', 'user.verification_requested', 'user.verified',
                     'user.password_reset_requested', 'user.password_changed')
      order by created_at, id
      limit $4::int)
    union all
    (select id, event_id, seq, type, aggregate_id, payload, created_at, expires_at
       from outbox
      where seq is null and created_at >= $1::timestamptz
        and (created_at, id) > ($1::timestamptz, $2::bigint)
        and created_at < $3::timestamptz
        and type in ('user.registered', 'user.verification_requested', 'user.verified',
                     'user.password_reset_requested', 'user.password_changed')
      order by created_at, id
      limit $4::int)
)
select e.id, e.event_id, e.seq, e.type, e.aggregate_id, e.payload ->> 'username',
       e.payload ->> 'email',
       to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(e.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       u.id is not null, coalesce(u.is_active, false), coalesce(u.is_verified, false),
       (extract(epoch from e.created_at) * 1000000)::bigint
  from e left join users u on u.id = e.aggregate_id
 order by e.created_at, e.id
 limit $4::int
