/**
 * How the event log changes: starting, appending, owning.
 *
 * Each function is one statement for the client. That makes an append atomic without an interactive transaction (which embedded
 * PGlite could not interleave with other work), and lets the function set `crewline.tenant` for the policies in its own transaction.
 */
const start = `create or replace function crewline_start(
  in_tenant text, in_id text, in_crew_name text, in_crew_id text, in_key text, in_hash text,
  in_owner text, in_lease_millis double precision, in_body text
) returns table (outcome text, execution_id text)
language plpgsql as $$
declare
  now_at timestamptz := date_trunc('milliseconds', clock_timestamp());
  new_key bigint;
  found_id text;
  found_hash text;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  insert into crewline_execution
    (tenant, id, crew_name, crew_id, last_seq, version, last_at, started_at, idempotency_key, request_hash,
      owner, lease_until)
    values (in_tenant, in_id, in_crew_name, in_crew_id, 1, 1, now_at, now_at, in_key, in_hash,
      in_owner, case when in_owner is not null then now_at + in_lease_millis * interval '1 millisecond' end)
    on conflict do nothing
    returning key into new_key;
  if new_key is not null then
    insert into crewline_event (execution, seq, tenant, type, at, append_first, append_last, append_version, body)
      values (new_key, 1, in_tenant, 'ExecutionStarted', now_at, 1, 1, 1, in_body);
    return query select 'started', in_id;
    return;
  end if;
  -- The insert waited for whoever held the same key or id; a statement begun now sees the row that won.
  select e.id, e.request_hash into found_id, found_hash
    from crewline_execution e where e.tenant = in_tenant and e.idempotency_key = in_key;
  if not found then
    return query select 'existing', in_id;
  elsif found_hash = in_hash then
    return query select 'existing', found_id;
  else
    return query select 'reused', found_id;
  end if;
end $$;
`

const append = `-- A batch of appends of one process, each with its own answer: an append that is refused leaves the others alone.
-- An execution that somebody else holds is answered with 'busy' unless in_wait, so a batch waits for nobody, and nobody for each
-- other. Plans are made once: planning each statement anew took a third of the time.
create or replace function crewline_append(batch jsonb, in_wait boolean)
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
`

const owning = `-- Renewals wait for their rows (in one order), because an execution left out of the answer counts as lost; new ones are taken as they are free.
create or replace function crewline_adopt(in_owner text, in_lease_millis double precision, in_limit int, in_ids jsonb)
returns table (execution_id text, tenant text, last_seq int)
language plpgsql security definer set search_path from current as $$
#variable_conflict use_column
declare
  now_at timestamptz;
  ids text[] := case when in_ids is not null then array(select jsonb_array_elements_text(in_ids)) end;
  mine bigint[];
  taken bigint[];
begin
  mine := array(
    select locked.key from (
      select e.key from crewline_execution e
      where e.ended_at is null and e.owner = in_owner and (ids is null or e.id = any (ids))
      order by e.tenant, e.key limit in_limit for no key update
    ) locked
  );
  now_at := clock_timestamp();
  taken := array(
    select locked.key from (
      select e.key from crewline_execution e
      where e.ended_at is null and e.owner is distinct from in_owner and (e.owner is null or e.lease_until <= now_at)
        and (ids is null or e.id = any (ids))
      order by e.key limit in_limit - coalesce(array_length(mine, 1), 0) for no key update skip locked
    ) locked
  );
  return query
    update crewline_execution e set owner = in_owner, lease_until = clock_timestamp() + in_lease_millis * interval '1 millisecond'
    where e.key = any (mine || taken)
    returning e.id, e.tenant, e.last_seq;
end $$;

create or replace function crewline_disown(in_owner text) returns void
language sql security definer set search_path from current as $$
  update crewline_execution set owner = null, lease_until = null where owner = in_owner and ended_at is null
$$;

revoke execute on function crewline_adopt(text, double precision, int, jsonb) from public;
revoke execute on function crewline_disown(text) from public;
`

export const sql: string = [start, append, owning].join("\n")
