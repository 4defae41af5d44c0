-- Deletes one ended execution.
create function crewline_remove(in_tenant text, in_id text) returns text
language plpgsql set enable_seqscan = off set jit = off as $$
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant for update;
  if not found then return 'missing'; end if;
  if x.ended_at is null then return 'running'; end if;
  perform crewline_bury(x);
  return 'removed';
end $$;
