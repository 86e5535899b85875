-- A comparison that failed stays counted, and from the limit on its row is locked, each
-- time twice as long as before. The network's row is locked before the one of all networks,
-- as in login_reserve.sql.
-- $1 identity  $2 network  $3 also all networks  $4 now  $5 limit of a network
-- $6 first delay  $7 longest delay  $8 limit of all networks  $9 first delay
-- $10 longest delay  $11 window (times in seconds)  $12 user id or null
-- $13 client address  $14 request id
with pair as (
    update login_guard g
       set failures = g.failures + 1,
           attempts = greatest(g.attempts, g.failures + 1),
           locked_until = case when g.failures + 1 >= $5::integer then
               $4::timestamptz + interval '1 second' * least($7::integer,
                   $6::integer * power(2, least(g.failures + 1 - $5, 20))) end,
           forget_at = case when g.failures + 1 >= $5 then
               $4 + interval '1 second' * ($7 + $11::integer) else g.forget_at end
     where g.identity = $1::bytea and g.network = $2::text
 returning g.identity, g.failures, g.locked_until
), whole as (
    update login_guard g
       set failures = g.failures + 1,
           attempts = greatest(g.attempts, g.failures + 1),
           locked_until = case when g.failures + 1 >= $8::integer then
               $4 + interval '1 second' * least($10::integer,
                   $9::integer * power(2, least(g.failures + 1 - $8, 20))) end,
           forget_at = case when g.failures + 1 >= $8 then
               $4 + interval '1 second' * ($10 + $11) else g.forget_at end
      from pair
     where $3::boolean and g.identity = pair.identity and g.network = '*'
 returning g.failures, g.locked_until
), trail as (
    insert into audit (at, event, target_id, client_address, request_id, detail)
    select $4, t.event, $12::bigint, nullif($13::text, ''), $14::bytea, t.detail
      from (select 'login.failed' as event, null::jsonb as detail
            union all
            select 'login.locked',
                   jsonb_build_object('network', $2, 'failures', pair.failures,
                                      'until', pair.locked_until)
              from pair where pair.locked_until is not null
            union all
            select 'login.delayed',
                   jsonb_build_object('network', '*', 'failures', whole.failures,
                                      'until', whole.locked_until)
              from whole where whole.locked_until is not null) t
)
select (select locked_until is not null from pair),
       (select locked_until is not null from whole)
