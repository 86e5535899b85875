select nextval(pg_get_serial_sequence('product', 'id')) from generate_series(1, $1::int)
