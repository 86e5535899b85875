-- The next generation. $1 kid  $2 sealed  $3 now  $4 signs from
insert into signing_key (kid, generation, alg, sealed, created_at, signs_from)
select $1, coalesce(max(generation), 0) + 1, 'ES256', $2::bytea, $3::timestamptz,
       $4::timestamptz
  from signing_key
returning kid
