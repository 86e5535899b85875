select string_agg(format('%s  generation %s  signs from %s', kid, generation,
                         to_char(signs_from at time zone 'UTC',
                                 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
                  chr(10) order by generation)
  from signing_key
