-- The first admin: verified, and told to the projections by an event that no mail hangs on.
-- $1 username  $2 username_key  $3 email  $4 email_key  $5 password hash  $6 now
-- $7 event id
with u as (
    insert into users (username, username_key, email, email_key, password, role,
                       is_verified, date_joined)
    values ($1, $2, $3, $4, $5, 'ADMIN', true, $6::timestamptz)
        on conflict do nothing
 returning id, username, email
), event as (
    insert into outbox (event_id, stream, aggregate_id, type, version, payload, created_at)
    select $7::uuid, 'user', u.id, 'user.created', 1,
           jsonb_build_object('user_id', u.id, 'username', u.username, 'email', u.email),
           $6::timestamptz
      from u
), trail as (
    insert into audit (at, event, target_id, detail)
    select $6::timestamptz, 'user.created', u.id, '{"by": "createsuperuser"}'::jsonb from u
)
select id from u
