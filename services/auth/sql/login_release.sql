-- Gives back what login_reserve took, for an attempt that compared nothing.
-- $1 identity  $2 network  $3 also all networks
with pair as (
    update login_guard g
       set attempts = greatest(g.attempts - 1, g.failures)
     where g.identity = $1::bytea and g.network = $2::text
 returning g.identity
)
update login_guard g
   set attempts = greatest(g.attempts - 1, g.failures)
  from pair
 where $3::boolean and g.identity = pair.identity and g.network = '*'
