-- Pins or quarantines a memory; null leaves a flag unchanged.
create function crewline_memory_change(in_tenant text, in_id text, in_pinned boolean, in_quarantined boolean)
returns setof crewline_memory
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  old crewline_memory;
  changed crewline_memory;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  perform from crewline_memory_scope s
    where s.key = (select m.scope from crewline_memory m where m.id = in_id and m.tenant = in_tenant) and s.tenant = in_tenant
    for no key update;
  select * into old from crewline_memory m where m.id = in_id and m.tenant = in_tenant for no key update;
  if not found then return; end if;
  update crewline_memory m set pinned = coalesce(in_pinned, m.pinned), quarantined = coalesce(in_quarantined, m.quarantined)
    where m.key = old.key and m.tenant = in_tenant returning * into changed;
  if old.ends_at is null and old.quarantined <> changed.quarantined then
    perform crewline_memory_count_classes(
      in_tenant, array[old.scope], array[5 * old.kind + old.trust],
      array[case when changed.quarantined then -1 else 1 end], array[case when changed.quarantined then -old.length else old.length end]
    );
  end if;
  return next changed;
end $$;
