-- The index that 0001 could not make where another service had brought the extension into a
-- schema of its own; it lives where all may use it now.
do $$
declare
    home text;
begin
    select n.nspname into home from pg_extension e
        join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
    if home is not null then
        execute format('create index if not exists product_name_parts on product using gin (name %I.gin_trgm_ops)', home);
    end if;
exception
    when insufficient_privilege or undefined_object then
        raise notice 'pg_trgm is not available';
end
$$;
