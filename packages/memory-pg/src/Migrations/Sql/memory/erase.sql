-- Erases memories and everything derived from them. Returns the number erased, and the executions
-- whose events may quote them.
--
-- Each look-up has a row at a time, by `limit 1` or by an array: with little or stale statistics, the
-- planner might read a whole table for a join.
create function crewline_memory_erase(in_tenant text, in_keys bigint[])
returns table (erased int, executions text[])
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off as $$
#variable_conflict use_column
declare
  part record;
  in_scopes bigint[];
  scopes bigint[];
  classes int[];
  documents int[];
  lengths int[];
  present bigint[];
begin
  perform set_config('crewline.tenant', in_tenant, true);
  in_scopes := array(
    select distinct m.scope from unnest(in_keys) k (key) cross join lateral (
      select m.scope from crewline_memory m where m.key = k.key and m.tenant = in_tenant limit 1
    ) m
  );
  perform from crewline_memory_scope s where s.key = any (in_scopes) and s.tenant = in_tenant order by s.path for no key update;
  select array_agg(m.key), array_agg(m.scope), array_agg(5 * m.kind + m.trust),
      array_agg(case when m.ends_at is null and not m.quarantined then -1 else 0 end),
      array_agg(case when m.ends_at is null and not m.quarantined then -m.length else 0 end)
    into present, scopes, classes, documents, lengths
    from unnest(in_keys) k (key)
    cross join lateral (
      select m.* from crewline_memory m where m.key = k.key and m.tenant = in_tenant limit 1 for no key update
    ) m;
  executions := array(
    select distinct e.name from (
      select m.source as name from unnest(present) k (key)
      cross join lateral (select m.source from crewline_memory m where m.key = k.key and m.tenant = in_tenant limit 1) m
      union all
      select q.execution from unnest(present) k (key)
      cross join lateral (
        select q.execution from crewline_memory_quote q where q.memory = k.key and q.tenant = in_tenant offset 0
      ) q
    ) e where e.name is not null order by 1
  );
  delete from crewline_memory_quote q where q.memory = any (present) and q.tenant = in_tenant;
  for part in
    select m.key, m.scope, m.terms from unnest(present) k (key) cross join lateral (
      select m.key, m.scope, m.terms from crewline_memory m where m.key = k.key and m.tenant = in_tenant limit 1
    ) m
  loop
    delete from crewline_memory_term p
      where p.scope = part.scope and p.term = any (part.terms) and p.memory = part.key and p.tenant = in_tenant;
  end loop;
  delete from crewline_memory m where m.key = any (present) and m.tenant = in_tenant;
  get diagnostics erased = row_count;
  perform crewline_memory_count_classes(in_tenant, scopes, classes, documents, lengths);
  return next;
end $$;
