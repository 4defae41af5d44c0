-- Whether the execution existed and was deleted recently.
create function crewline_is_gone(in_tenant text, in_id text) returns boolean
language plpgsql set enable_seqscan = off set jit = off as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return exists (select from crewline_gone g where g.tenant = in_tenant and g.id = in_id);
end $$;
