-- One ask of an execution, for crewline_asked. Null: the execution does not exist.
create function crewline_find_ask(in_tenant text, in_id text, in_ask text) returns crewline_ask[]
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
  if not found then return null; end if;
  return array(select a from crewline_ask a where a.execution = x.key and a.id = in_ask and a.tenant = in_tenant);
end $$;
