-- The scopes of a view: by the paths it sees, or by parts if some parts are open (`any`) or the
-- scopes within another are requested. Null: all scopes of the tenant.
create function crewline_memory_scopes(in_tenant text, view jsonb) returns bigint[]
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  parts jsonb := view->'scope';
  open jsonb := coalesce(view->'any', '[]');
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if view is null then return null; end if;
  if view ? 'paths' then
    return array(
      select s.key from jsonb_array_elements_text(view->'paths') p
      cross join lateral (
        select s.key from crewline_memory_scope s where s.path = p.value and s.tenant = in_tenant limit 1
      ) s
    );
  end if;
  if view ? 'within' then
    parts := view->'within';
    return array(
      select s.key from crewline_memory_scope s
      where s.tenant collate "C" = in_tenant
        and (not parts ? 'crew' or s.crew = parts->>'crew') and (not parts ? 'agent' or s.agent = parts->>'agent')
        and (not parts ? 'user' or s.person = parts->>'user') and (not parts ? 'session' or s.session = parts->>'session')
        and (not parts ? 'execution' or s.execution = parts->>'execution')
    );
  end if;
  return array(
    select s.key from crewline_memory_scope s
    where s.tenant collate "C" = in_tenant
      and (s.crew is null or s.crew = parts->>'crew' or open ? 'crew')
      and (s.agent is null or s.agent = parts->>'agent' or open ? 'agent')
      and (s.person is null or s.person = parts->>'user' or open ? 'user')
      and (s.session is null or s.session = parts->>'session' or open ? 'session')
      and (s.execution is null or s.execution = parts->>'execution' or open ? 'execution')
  );
end $$;
