-- Links that are asked for: resetting a password, confirming an address once more.

-- Only the newest link of a kind counts. Its hash stands in the user's row, because a
-- decision after a lock wait may depend on the locked row alone; null: none counts.
alter table users
    add column verify_link bytea,
    add column verify_sent_at timestamptz,  -- asked for again, not the registration's
    add column reset_link bytea,
    add column reset_sent_at timestamptz;

update users u
   set verify_link = (select t.hash from email_token t
                       where t.user_id = u.id and t.purpose = 'verify'
                       order by t.created_at desc
                       limit 1);

-- What was asked, before anybody looked whether the address belongs to someone.
create table link_request (
    id bigint generated always as identity primary key,
    purpose text not null check (purpose in ('verify', 'reset')),
    email_key text not null,
    created_at timestamptz not null,
    client_address text,
    request_id bytea,
    trace_id bytea,
    span_id bytea
);
