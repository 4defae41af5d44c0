-- Stores a batch of appends from one process. Each append has its own result: a rejected append
-- does not affect the others.
--
-- If another transaction has locked an execution, its append results in 'busy' unless in_wait is
-- set, so by default a batch never waits. With in_wait, all rows are locked first in a fixed order,
-- which prevents deadlock.
--
-- Almost every append passes all guards, so the events are inserted first. The unique indexes are
-- the guards: `on conflict do nothing` probes them regardless of table statistics. If fewer rows
-- were inserted than given, they are deleted again and crewline_guard finds the reason. Plans are
-- cached: planning each statement again took a third of the time.
create function crewline_append(batch jsonb, in_wait boolean)
returns table (outcome text, first_seq int, last_seq int, version int, at timestamptz, task_id text)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_variable
declare
  item jsonb;
  in_tenant text;
  held bigint[] := '{}';
  x crewline_execution;
  found_key bigint;
  guard record;
  known boolean;
  now_at timestamptz;
  given int;
  stored int;
  opened int;
  own_place constant bigint := crewline_place();
begin
  for item in
    select distinct jsonb_build_array(i.value->>'tenant', i.value->>'execution') from jsonb_array_elements(batch) i order by 1
  loop
    if in_tenant is distinct from item->>0 then
      in_tenant := item->>0;
      perform set_config('crewline.tenant', in_tenant, true);
    end if;
    found_key := null;
    if in_wait then
      select e.key into found_key from crewline_execution e
        where e.id = item->>1 and e.tenant = in_tenant for no key update;
    else
      select e.key into found_key from crewline_execution e
        where e.id = item->>1 and e.tenant = in_tenant for no key update skip locked;
    end if;
    if found_key is not null then held := held || found_key; end if;
  end loop;

  for item in select i.value from jsonb_array_elements(batch) with ordinality i order by i.ordinality loop
    if in_tenant is distinct from item->>'tenant' then
      in_tenant := item->>'tenant';
      perform set_config('crewline.tenant', in_tenant, true);
    end if;
    outcome := null; first_seq := null; last_seq := null; version := null; at := null; task_id := null;

    -- A statement that starts after the lock was acquired sees the current row.
    select * into x from crewline_execution e where e.id = item->>'execution' and e.tenant = in_tenant;
    if not found or x.key <> all (held) then
      outcome := case when found then 'busy' else 'unknown' end;
      return next;
      continue;
    end if;

    -- Outbox rows that are done are removed even if the append is rejected.
    if item ? 'settled' then perform crewline_settle(x.key, in_tenant, item->'settled'); end if;

    known := false;
    stored := -1;
    loop
      -- Taken under the lock, so that times increase with seq even if the system clock steps back.
      now_at := greatest(x.last_at, date_trunc('milliseconds', clock_timestamp()));
      first_seq := x.last_seq + 1;
      given := jsonb_array_length(item->'events');
      if not known and (x.ended_at is not null or item ? 'flaw' or (item->>'expectVersion')::int <> x.version) then
        stored := -1;
      else
        insert into crewline_event
          (execution, seq, tenant, type, task_id, run, turn, at, append_first, append_last, append_version, place, nonce,
           body, payload, payload_sha256, payload_size, payload_excerpt)
          select x.key, x.last_seq + d.ordinality, in_tenant, d.type, d.task_id, d.run, d.turn, now_at,
            first_seq, x.last_seq + given, x.version + (item->>'structural')::int, greatest(x.place, own_place),
            case when d.ordinality = 1 then item->>'nonce' end,
            d.body, d.payload, d.sha256, d.size, d.excerpt
          from rows from (
            jsonb_to_recordset(item->'events') as
              (type text, task_id text, run int, turn int, body text, payload text, sha256 text, size int, excerpt text)
          ) with ordinality as d (type, task_id, run, turn, body, payload, sha256, size, excerpt, ordinality)
          on conflict do nothing;
        get diagnostics stored = row_count;
      end if;
      exit when stored = given;
      if stored > 0 then delete from crewline_event e where e.execution = x.key and e.seq >= first_seq; end if;
      if known then raise exception 'an append of execution % meets no guard and is not stored', x.id; end if;
      select * into guard from crewline_guard(x, item);
      exit when guard.outcome is not null;
      -- The batch grew before it was retried: leave out the turns that are already stored.
      item := guard.remaining;
      known := true;
    end loop;

    if stored <> given then
      outcome := guard.outcome; first_seq := guard.first_seq; last_seq := guard.last_seq; version := guard.version;
      task_id := guard.task_id;
      return next;
      continue;
    end if;

    last_seq := x.last_seq + given;
    version := x.version + (item->>'structural')::int;
    if item ? 'blobs' then
      -- Matched by hash, because leaving out stored turns shifts the positions.
      insert into crewline_blob (execution, seq, tenant, content)
        select x.key, e.seq, in_tenant, b.value
        from jsonb_each_text(item->'blobs') b
        join crewline_event e on e.execution = x.key and e.seq >= first_seq and e.payload_sha256 = b.key;
    end if;

    opened := 0;
    if item ? 'notes' then opened := crewline_note(x.key, in_tenant, first_seq, item->'events', now_at); end if;

    update crewline_execution e set
      last_seq = crewline_append.last_seq,
      version = crewline_append.version,
      last_at = now_at,
      status = coalesce(item->>'status', e.status),
      ended_at = case when item ? 'ends' then now_at end,
      owner = case when item ? 'ends' then null else e.owner end,
      open_asks = e.open_asks + opened,
      place = greatest(e.place, own_place)
      where e.key = x.key;

    outcome := 'stored'; at := now_at;
    return next;
  end loop;
end $$;
