-- Indexes the events stored from in_first_seq on that open, answer or close asks, bring signals and
-- tasks, or have an effect in the outbox. Events are processed in order; the first of a name wins.
-- Returns the change in the number of open asks. The caller has locked the row of the execution.
create function crewline_note(in_execution bigint, in_tenant text, in_first_seq int, in_events jsonb, in_at timestamptz) returns int
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  event jsonb;
  seq_now int;
  ended text;
  changed int;
  opened int := 0;
begin
  for event, seq_now in
    select d.value, in_first_seq + d.ordinality - 1 from jsonb_array_elements(in_events) with ordinality d
    where d.value ?| array['asks', 'ends', 'brings', 'follows'] order by d.ordinality
  loop
    if event ? 'asks' then
      insert into crewline_ask (execution, id, tenant, asked_seq)
        select in_execution, a.value, in_tenant, seq_now
        from jsonb_array_elements_text(event->'asks') with ordinality a order by a.ordinality
        on conflict do nothing;
      get diagnostics changed = row_count;
      opened := opened + changed;
    end if;
    if event ? 'ends' then
      -- One at a time, because for a list of ids the planner may read all asks of the execution; by
      -- closed_seq, because the indexes of lists contain the state.
      for ended in select e.value from jsonb_array_elements_text(event->'ends') e loop
        update crewline_ask a set
          state = case when event->>'type' = 'AskAnswered' then 'answered' else 'closed' end,
          closed_seq = seq_now
          where a.execution = in_execution and a.id = ended and a.tenant = in_tenant and a.closed_seq is null;
        if found then opened := opened - 1; end if;
      end loop;
    end if;
    if event ? 'brings' then
      insert into crewline_origin (execution, kind, name, tenant, seq)
        select in_execution, case when event->>'type' = 'SignalReceived' then 'signal' else 'task' end, b.value, in_tenant, seq_now
        from jsonb_array_elements_text(event->'brings') b
        on conflict do nothing;
    end if;
    if event ? 'follows' then
      insert into crewline_outbox (execution, seq, part, tenant, consumer, at, due_at)
        select in_execution, seq_now, (f.value->>0)::int, in_tenant, f.value->>1, in_at,
          clock_timestamp() + (f.value->>2)::float8 * interval '1 millisecond'
        from jsonb_array_elements(event->'follows') f
        on conflict do nothing;
    end if;
  end loop;
  return opened;
end $$;
