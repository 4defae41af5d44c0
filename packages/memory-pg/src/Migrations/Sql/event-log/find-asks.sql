-- Asks in these states, of the tenant or of one execution, oldest first, for crewline_asked. Null:
-- the ask to continue after does not exist. Each state is a separate list whose next page an index
-- returns in order.
create function crewline_find_asks(
  in_tenant text, in_execution text, in_states jsonb, in_after_execution text, in_after_id text, in_limit int
) returns crewline_ask[]
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  one bigint;
  after bigint := 0;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if in_after_id is not null then
    select e.key into one from crewline_execution e where e.id = in_after_execution and e.tenant = in_tenant;
    select a.key into after from crewline_ask a where a.execution = one and a.id = in_after_id and a.tenant = in_tenant;
    if not found then return null; end if;
  end if;

  if in_execution is null then
    return array(
      select l.a from jsonb_array_elements_text(in_states) s
      cross join lateral (
        select a from crewline_ask a
        where a.tenant collate "C" = in_tenant and a.state collate "C" = s.value and greatest(a.key, 0) > after
        order by greatest(a.key, 0) limit in_limit
      ) l
      order by (l.a).key limit in_limit
    );
  end if;
  select e.key into one from crewline_execution e where e.id = in_execution and e.tenant = in_tenant;
  return array(
    select l.a from jsonb_array_elements_text(in_states) s
    cross join lateral (
      select a from crewline_ask a
      where a.listed = one and a.tenant = in_tenant and a.state = s.value and a.key > after
      order by a.key limit in_limit
    ) l
    order by (l.a).key limit in_limit
  );
end $$;
