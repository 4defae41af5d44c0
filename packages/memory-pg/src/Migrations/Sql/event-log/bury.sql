-- Deletes an execution, whose row the caller holds, whole: asks, origins, the outbox, blobs, the view, events, the row. What stays for a while is a row
-- of crewline_gone, so that those who ask later or were in the middle of following learn that it was deleted, and pages go on after it.
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
