-- A batch of starts from one process, each with its own result: inserts the row and the first event
-- unless the id or the idempotency key is taken. If the conflicting execution is deleted
-- concurrently, the start is retried.
--
-- An insert waits for concurrent inserts of the same key or id. Keys are inserted in a fixed order,
-- which prevents deadlock between batches; ids are random and do not collide.
create function crewline_start(batch jsonb) returns table (place bigint, outcome text, execution_id text, at timestamptz)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_variable
declare
  item jsonb;
  in_tenant text;
  in_id text;
  in_key text;
  in_hash text;
  in_owner text;
  new_key bigint;
  in_limit int;
  found_hash text;
  own_place constant bigint := crewline_place();
begin
  for item, place in
    select i.value, i.ordinality from jsonb_array_elements(batch) with ordinality i
    order by (i.value->>'tenant') collate "C", (i.value->>'key') collate "C", i.ordinality
  loop
    in_tenant := item->>'tenant';
    in_id := item->>'execution';
    in_key := item->>'key';
    in_hash := item->>'hash';
    in_owner := item->>'owner';
    in_limit := item->>'maxUnfinished';
    perform set_config('crewline.tenant', in_tenant, true);
    if in_limit is not null then
      -- Starts of a tenant with a limit are serialized, so that each counts the ones before it.
      perform pg_advisory_xact_lock(hashtextextended('crewline_start ' || in_tenant, 0));
      if in_limit <= (
        select count(*) from (
          select from crewline_execution e
          where coalesce(e.ended_at, 'infinity') = 'infinity' and e.tenant collate "POSIX" = in_tenant limit in_limit
        ) unfinished
      ) and not exists (
        select from crewline_execution e where e.idempotency_key = in_key and e.tenant = in_tenant
      ) and not exists (
        select from crewline_execution e where e.id = in_id and e.tenant = in_tenant
      ) then
        outcome := 'full'; execution_id := in_id; at := clock_timestamp();
        return next;
        continue;
      end if;
    end if;
    loop
      at := date_trunc('milliseconds', clock_timestamp());
      insert into crewline_execution as e
        (tenant, id, crew_name, crew_id, last_seq, version, last_at, started_at, idempotency_key, request_hash, owner, lease_until, place)
        values (in_tenant, in_id, item->>'crewName', item->>'crewId', 1, 1, at, at, in_key, in_hash,
          in_owner, case when in_owner is not null then at + (item->>'leaseMillis')::float8 * interval '1 millisecond' end, own_place)
        on conflict do nothing
        returning e.key into new_key;
      if new_key is not null then
        insert into crewline_event (execution, seq, tenant, type, at, append_first, append_last, append_version, place, body)
          values (new_key, 1, in_tenant, 'ExecutionStarted', at, 1, 1, 1, own_place, item->>'body');
        outcome := 'started'; execution_id := in_id;
        exit;
      end if;
      -- The insert waited for a concurrent start with the same key or id; a statement that starts
      -- now sees the row that won.
      select e.id, e.request_hash, e.started_at into execution_id, found_hash, at
        from crewline_execution e where e.idempotency_key = in_key and e.tenant = in_tenant;
      if not found then
        select e.id, in_hash, e.started_at into execution_id, found_hash, at
          from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
        continue when not found;
      end if;
      outcome := case when found_hash is not distinct from in_hash then 'existing' else 'reused' end;
      exit;
    end loop;
    return next;
  end loop;
end $$;
