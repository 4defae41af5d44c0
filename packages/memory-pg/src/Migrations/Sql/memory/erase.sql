-- Erases memories and everything derived from them. Returns the number erased, and the executions
-- whose events may quote them.
create function crewline_memory_erase(in_tenant text, in_keys bigint[])
returns table (erased int, executions text[])
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off as $$
#variable_conflict use_column
declare
  scopes bigint[];
  classes int[];
  documents int[];
  lengths int[];
  present bigint[];
begin
  perform set_config('crewline.tenant', in_tenant, true);
  perform from crewline_memory_scope s
    where s.key in (
      select m.scope from unnest(in_keys) k (key) cross join lateral (
        select m.scope from crewline_memory m where m.key = k.key and m.tenant = in_tenant
      ) m
    ) and s.tenant = in_tenant
    order by s.path for no key update;
  select array_agg(m.key), array_agg(m.scope), array_agg(5 * m.kind + m.trust),
      array_agg(case when m.ends_at is null and not m.quarantined then -1 else 0 end),
      array_agg(case when m.ends_at is null and not m.quarantined then -m.length else 0 end)
    into present, scopes, classes, documents, lengths
    from unnest(in_keys) k (key)
    cross join lateral (select m.* from crewline_memory m where m.key = k.key and m.tenant = in_tenant for no key update) m;
  executions := array(
    select distinct e.name from (
      select m.source as name from unnest(present) k (key)
      cross join lateral (select m.source from crewline_memory m where m.key = k.key and m.tenant = in_tenant) m
      union all
      select q.execution from unnest(present) k (key)
      cross join lateral (select q.execution from crewline_memory_quote q where q.memory = k.key and q.tenant = in_tenant) q
    ) e where e.name is not null order by 1
  );
  delete from crewline_memory_quote q using unnest(present) k (key) where q.memory = k.key and q.tenant = in_tenant;
  delete from crewline_memory_term p using (
    select m.scope, t.term, m.key from unnest(present) k (key)
    cross join lateral (select m.scope, m.key, m.terms from crewline_memory m where m.key = k.key and m.tenant = in_tenant) m
    cross join unnest(m.terms) t (term)
  ) d
  where p.scope = d.scope and p.term = d.term and p.memory = d.key and p.tenant = in_tenant;
  delete from crewline_memory m using unnest(present) k (key) where m.key = k.key and m.tenant = in_tenant;
  get diagnostics erased = row_count;
  perform crewline_memory_count_classes(in_tenant, scopes, classes, documents, lengths);
  return next;
end $$;
