-- Slots of replicas. A long slot is written again and again while it lasts.
-- $1 rows as JSON, $2 writer
insert into rollup (tier, start_s, service, instance, writer, data)
select r.tier, r.start_s, r.service, r.instance, $2::bigint, r.data
  from jsonb_to_recordset($1::jsonb)
       as r (tier smallint, start_s bigint, service text, instance text, data jsonb)
    on conflict (tier, start_s, service, instance, writer) do update
   set data = excluded.data
