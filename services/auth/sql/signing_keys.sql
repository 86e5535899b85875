-- The keys in use: those that sign or will, and those whose last tokens may still live.
-- $1 now less the longest life of a token
select kid, sealed, floor(extract(epoch from signs_from))::bigint
  from (select k.*, lead(k.signs_from) over (order by k.generation) as replaced_at
          from signing_key k) k
 where replaced_at is null or replaced_at > $1::timestamptz
 order by kid
