-- A batch of appends of one process, each with its own answer: an append that is refused leaves the others alone.
--
-- An execution that another transaction holds is answered with 'busy' unless in_wait, so a batch waits for nobody. Plans are made once:
-- planning each statement anew took a third of the time.
create function crewline_append(batch jsonb, in_wait boolean)
returns table (outcome text, first_seq int, last_seq int, version int, at timestamptz, task_id text)
language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_variable
declare
  item jsonb;
  in_tenant text;
  held bigint[] := '{}';
  x crewline_execution;
  earlier crewline_event;
  turns_given int;
  turns_known int;
  now_at timestamptz;
  given int;
begin
  for in_tenant in select distinct i.value->>'tenant' from jsonb_array_elements(batch) i loop
    perform set_config('crewline.tenant', in_tenant, true);
    if in_wait then
      -- In one order, so that no two that wait can wait for each other.
      held := held || array(
        select locked.key from (
          select e.key from crewline_execution e
          where e.tenant = in_tenant
            and e.id = any (array(select i.value->>'execution' from jsonb_array_elements(batch) i where i.value->>'tenant' = in_tenant))
          order by e.key for no key update
        ) locked
      );
    else
      held := held || array(
        select locked.key from (
          select e.key from crewline_execution e
          where e.tenant = in_tenant
            and e.id = any (array(select i.value->>'execution' from jsonb_array_elements(batch) i where i.value->>'tenant' = in_tenant))
          for no key update skip locked
        ) locked
      );
    end if;
  end loop;

  for item in select i.value from jsonb_array_elements(batch) with ordinality i order by i.ordinality loop
    if in_tenant is distinct from item->>'tenant' then
      in_tenant := item->>'tenant';
      perform set_config('crewline.tenant', in_tenant, true);
    end if;
    outcome := null; first_seq := null; last_seq := null; version := null; at := null; task_id := null;

    -- A statement begun under the lock sees the row as it is now.
    select * into x from crewline_execution e where e.tenant = in_tenant and e.id = item->>'execution';
    if not found or x.key <> all (held) then
      outcome := case when found then 'busy' else 'unknown' end;
      return next;
      continue;
    end if;

    if item ? 'nonce' then
      select * into earlier from crewline_event e where e.execution = x.key and e.nonce = item->>'nonce';
      if found then
        outcome := 'repeated'; first_seq := earlier.append_first; last_seq := earlier.append_last;
        version := earlier.append_version;
        return next;
        continue;
      end if;
    end if;

    turns_known := 0;
    if item ? 'turns' then
      turns_given := jsonb_array_length(item->'turns');
      select count(*) into turns_known
        from jsonb_to_recordset(item->'turns') as t (task_id text, run int, turn int)
        join crewline_event e on e.execution = x.key and e.task_id = t.task_id and e.run = t.run and e.turn = t.turn
        where e.type = 'TurnCompleted';
      -- Progress that stands already was sent again. What a batch brings besides is news, whatever its turns are.
      if turns_known = turns_given and (item->>'structural')::int = 0 then
        select e.* into earlier
          from rows from (jsonb_to_recordset(item->'turns') as (task_id text, run int, turn int)) with ordinality
            as t (task_id, run, turn, position)
          join crewline_event e on e.execution = x.key and e.task_id = t.task_id and e.run = t.run and e.turn = t.turn
          where e.type = 'TurnCompleted' order by t.position limit 1;
        given := jsonb_array_length(item->'events');
        if given in (turns_given, earlier.append_last - earlier.append_first + 1) then
          outcome := 'repeated'; first_seq := earlier.append_first; last_seq := earlier.append_last;
          version := earlier.append_version;
          return next;
          continue;
        end if;
      end if;
    end if;

    if x.ended_at is not null then
      outcome := 'ended';
      return next;
      continue;
    end if;

    if (item->>'expectVersion')::int <> x.version then
      outcome := 'conflict'; last_seq := x.last_seq; version := x.version;
      return next;
      continue;
    end if;

    if item ? 'settles' then
      select e.task_id into task_id from crewline_event e
        where e.execution = x.key
          and e.task_id = any (array(select jsonb_array_elements_text(item->'settles')))
          and e.type in ('TaskCompleted', 'TaskFailed', 'TaskSkipped', 'TaskCancelled')
        order by array_position(array(select jsonb_array_elements_text(item->'settles')), e.task_id) limit 1;
      if found then
        outcome := 'settled';
        return next;
        continue;
      end if;
    end if;

    if item ? 'flaw' then
      outcome := item->'flaw'->>'outcome'; task_id := item->'flaw'->>'task_id';
      return next;
      continue;
    end if;

    -- Under the lock, so that the order of times is the order of seq whatever the system clock does.
    now_at := greatest(x.last_at, date_trunc('milliseconds', clock_timestamp()));
    first_seq := x.last_seq + 1;
    given := jsonb_array_length(item->'events');
    if turns_known > 0 then
      -- A batch that grew before it was sent again: what stands already is left out.
      given := given - turns_known;
    end if;
    last_seq := x.last_seq + given;
    version := x.version + (item->>'structural')::int;

    insert into crewline_event
      (execution, seq, tenant, type, task_id, run, turn, at, append_first, append_last, append_version, nonce,
       body, payload, payload_sha256, payload_size, payload_excerpt)
      select x.key, x.last_seq + row_number() over (order by d.ordinality), in_tenant, d.type, d.task_id, d.run, d.turn, now_at,
        first_seq, last_seq, version, case when row_number() over (order by d.ordinality) = 1 then item->>'nonce' end,
        d.body, d.payload, d.sha256, d.size, d.excerpt
      from rows from (
        jsonb_to_recordset(item->'events') as
          (type text, task_id text, run int, turn int, body text, payload text, sha256 text, size int, excerpt text)
      ) with ordinality as d (type, task_id, run, turn, body, payload, sha256, size, excerpt, ordinality)
      where turns_known = 0 or d.type <> 'TurnCompleted' or not exists (
        select 1 from crewline_event e
        where e.execution = x.key and e.task_id = d.task_id and e.run = d.run and e.turn = d.turn and e.type = 'TurnCompleted'
      );

    if item ? 'blobs' then
      -- By hash, because leaving known turns out moves the numbers.
      insert into crewline_blob (execution, seq, tenant, content)
        select x.key, e.seq, in_tenant, b.value
        from jsonb_each_text(item->'blobs') b
        join crewline_event e on e.execution = x.key and e.seq >= first_seq and e.payload_sha256 = b.key;
    end if;

    update crewline_execution e set
      last_seq = crewline_append.last_seq,
      version = crewline_append.version,
      last_at = now_at,
      status = coalesce(item->>'status', e.status),
      ended_at = case when item ? 'ends' then now_at end,
      owner = case when item ? 'ends' then null else e.owner end
      where e.key = x.key;

    outcome := 'stored'; at := now_at;
    return next;
  end loop;
end $$;
