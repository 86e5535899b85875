-- $1 kid  $2 generation  $3 sealed  $4 now  $5 signs from
insert into signing_key (kid, generation, alg, sealed, created_at, signs_from)
values ($1, $2, 'ES256', $3, $4, $5)
on conflict (generation) do nothing
