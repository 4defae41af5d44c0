-- Finds why an append cannot be stored unchanged. The first matching reason wins: repeated, ended,
-- conflict, settled, or the flaw that the append was sent with. Without an outcome, `remaining` is
-- the append without the turns that are already stored. The caller has locked the row of the
-- execution.
create function crewline_guard(x crewline_execution, item jsonb) returns table (
  outcome text, first_seq int, last_seq int, version int, task_id text, remaining jsonb
)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_variable
declare
  earlier crewline_event;
  turn jsonb;
  settled text;
  known crewline_event[] := '{}';
  given int;
begin
  if item ? 'nonce' then
    select * into earlier from crewline_event e where e.guarded = x.key and e.nonce = item->>'nonce';
    if found then
      return query select 'repeated', earlier.append_first, earlier.append_last, earlier.append_version, null::text, null::jsonb;
      return;
    end if;
  end if;

  if item ? 'turns' then
    for turn in select t.value from jsonb_array_elements(item->'turns') t loop
      select * into earlier from crewline_event e
        where e.guarded = x.key and e.task_id = turn->>'task_id' and e.run = (turn->>'run')::int
          and e.turn = (turn->>'turn')::int and e.type = 'TurnCompleted';
      if found then known := known || earlier; end if;
    end loop;
    -- Stored progress was sent again. If the batch also contains other events, it is not a
    -- repetition.
    if cardinality(known) = jsonb_array_length(item->'turns') and (item->>'structural')::int = 0 then
      earlier := known[1];
      given := jsonb_array_length(item->'events');
      if given in (cardinality(known), earlier.append_last - earlier.append_first + 1) then
        return query select 'repeated', earlier.append_first, earlier.append_last, earlier.append_version, null::text, null::jsonb;
        return;
      end if;
    end if;
  end if;

  if x.ended_at is not null then
    return query select 'ended', null::int, null::int, null::int, null::text, null::jsonb;
    return;
  end if;

  if (item->>'expectVersion')::int <> x.version then
    return query select 'conflict', null::int, x.last_seq, x.version, null::text, null::jsonb;
    return;
  end if;

  if item ? 'settles' then
    for settled in select t.value from jsonb_array_elements_text(item->'settles') t loop
      perform from crewline_event e
        where e.guarded = x.key and e.task_id = settled
          and e.type in ('TaskCompleted', 'TaskFailed', 'TaskSkipped', 'TaskCancelled');
      if found then
        return query select 'settled', null::int, null::int, null::int, settled, null::jsonb;
        return;
      end if;
    end loop;
  end if;

  if item ? 'flaw' then
    return query select item->'flaw'->>'outcome', null::int, null::int, null::int, item->'flaw'->>'task_id', null::jsonb;
    return;
  end if;

  return query select null::text, null::int, null::int, null::int, null::text, jsonb_set(item, '{events}', coalesce((
    select jsonb_agg(d.value order by d.ordinality)
    from jsonb_array_elements(item->'events') with ordinality d
    where d.value->>'type' <> 'TurnCompleted' or not exists (
      select from unnest(known) k
      where k.task_id = d.value->>'task_id' and k.run = (d.value->>'run')::int and k.turn = (d.value->>'turn')::int
    )
  ), '[]'));
end $$;
