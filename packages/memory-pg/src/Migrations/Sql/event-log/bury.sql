-- Deletes everything of an execution whose row the caller has locked: asks, origins, outbox rows,
-- blobs, the view, events, the row. A row of crewline_gone remains for a while, so that later
-- requests and open streams learn of the deletion and pagination can continue after it.
create function crewline_bury(x crewline_execution) returns void
language sql set enable_seqscan = off set jit = off as $$
  delete from crewline_ask a where a.execution = x.key;
  delete from crewline_origin o where o.execution = x.key;
  delete from crewline_outbox o where o.execution = x.key;
  delete from crewline_blob b where b.execution = x.key;
  delete from crewline_view v where v.execution = x.key;
  delete from crewline_event e where e.execution = x.key;
  delete from crewline_execution e where e.key = x.key;
  insert into crewline_gone (tenant, id, key, ended_at, gone_at) values (x.tenant, x.id, x.key, x.ended_at, clock_timestamp())
    on conflict (tenant, id) do update set key = excluded.key, ended_at = excluded.ended_at, gone_at = excluded.gone_at
$$;
