-- Records which memories an execution was shown.
create function crewline_memory_note_quotes(in_tenant text, in_execution text, in_ids jsonb) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  insert into crewline_memory_quote (memory, execution, tenant)
    select m.key, in_execution, in_tenant from jsonb_array_elements_text(in_ids) i
    cross join lateral (select m.key from crewline_memory m where m.id = i.value and m.tenant = in_tenant limit 1 for key share) m
    order by m.key
    on conflict do nothing;
end $$;

-- The memories that executions were shown.
create function crewline_memory_shown(in_tenant text, in_executions jsonb) returns table (execution text, body text)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return query
    select q.execution, m.body from jsonb_array_elements_text(in_executions) e
    cross join lateral (
      select q.execution, q.memory from crewline_memory_quote q where q.execution = e.value and q.tenant = in_tenant offset 0
    ) q
    cross join lateral (select m.body from crewline_memory m where m.key = q.memory and m.tenant = in_tenant limit 1) m;
end $$;

create function crewline_memory_retention_of(in_tenant text) returns text
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return (select r.rules from crewline_memory_retention r where r.tenant = in_tenant);
end $$;

create function crewline_memory_retain(in_tenant text, in_rules text) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  insert into crewline_memory_retention (tenant, rules) values (in_tenant, in_rules)
    on conflict (tenant) do update set rules = excluded.rules;
end $$;

create function crewline_memory_statistics(in_tenant text)
returns table (live bigint[], superseded bigint, pinned bigint, quarantined bigint, counts text)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return query
    select array[
        count(*) filter (where m.ends_at is null and m.kind = 0), count(*) filter (where m.ends_at is null and m.kind = 1),
        count(*) filter (where m.ends_at is null and m.kind = 2)
      ],
      count(*) filter (where m.ends_at is not null), count(*) filter (where m.pinned), count(*) filter (where m.quarantined),
      (
        select json_object_agg(r.reason, c.number)::text
        from unnest(array['', 'no-words', 'status', 'error', 'recalled', 'erased']) r (reason)
        cross join lateral (
          select c.number from crewline_memory_count c where c.reason = r.reason and c.tenant = in_tenant limit 1
        ) c
      )
    from crewline_memory m where m.tenant collate "C" = in_tenant;
end $$;
