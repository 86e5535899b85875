-- Takes the right to compare one password, before any work is spent on it. Each row decides
-- by itself when it is locked (on conflict sees its newest version), first the network's,
-- then the one of all networks, which known networks do not ask. Attempts are counted here,
-- so calls that run at once cannot have more of them than the limit; one that began half a
-- minute ago and never ended (its process was killed) counts as a failure. Nobody waits
-- for the disk: a server that crashes forgets half a second of attempts at most, and what
-- they came to (login_failed, login_session) is written for good.
-- $1 username, exact  $2 identity  $3 network  $4 now  $5 limit of a network
-- $6 limit of all networks  $7 a new row is forgotten at  $8 networks seen later are known
-- $9 attempts from before this are over
with u as (
    select x.id, x.password, x.is_active, x.is_verified,
           exists (select 1 from login_network n
                    where n.user_id = x.id and n.network = $3
                      and n.seen_at > $8::timestamptz) as known
      from users x
     where x.username = $1
), known as (
    select coalesce((select u.known from u), false) as yes
), locked as ( -- before the statement began: refused without a write
    select max(g.locked_until) as until
      from login_guard g, known
     where g.identity = $2::bytea and g.locked_until > $4
       and (g.network = $3 or g.network = '*' and not known.yes)
), pair as (
    insert into login_guard as g
           (identity, network, attempts, failures, reserved_at, forget_at)
    select $2::bytea, $3::text, 1, 0, $4::timestamptz, $7::timestamptz
      from locked
     where locked.until is null
        on conflict (identity, network) do update
       set attempts = case when g.forget_at <= $4 then 1 else g.attempts + 1 end,
           failures = case when g.forget_at <= $4 then 0
                           when g.reserved_at < $9::timestamptz then g.attempts
                           else g.failures end,
           reserved_at = $4,
           locked_until = case when g.forget_at > $4 then g.locked_until end,
           forget_at = case when g.forget_at <= $4 or g.attempts = 0
                            then excluded.forget_at else g.forget_at end
     where g.forget_at <= $4
        or coalesce(g.locked_until <= $4, true)
           and g.attempts < greatest($5::integer,
                   1 + case when g.reserved_at < $9 then g.attempts else g.failures end)
 returning g.identity
), whole as (
    insert into login_guard as g
           (identity, network, attempts, failures, reserved_at, forget_at)
    select pair.identity, '*', 1, 0, $4::timestamptz, $7::timestamptz
      from pair, known
     where not known.yes
        on conflict (identity, network) do update
       set attempts = case when g.forget_at <= $4 then 1 else g.attempts + 1 end,
           failures = case when g.forget_at <= $4 then 0
                           when g.reserved_at < $9::timestamptz then g.attempts
                           else g.failures end,
           reserved_at = $4,
           locked_until = case when g.forget_at > $4 then g.locked_until end,
           forget_at = case when g.forget_at <= $4 or g.attempts = 0
                            then excluded.forget_at else g.forget_at end
     where g.forget_at <= $4
        or coalesce(g.locked_until <= $4, true)
           and g.attempts < greatest($6::integer,
                   1 + case when g.reserved_at < $9 then g.attempts else g.failures end)
 returning g.identity
)
select exists (select from pair), exists (select from whole), known.yes,
       ceil(extract(epoch from locked.until - $4))::bigint,
       u.id, u.password, u.is_active, u.is_verified,
       set_config('synchronous_commit', 'off', true) -- of this transaction
  from locked cross join known left join u on true
