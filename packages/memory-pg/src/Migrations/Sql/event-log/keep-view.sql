-- Stores parts of the view of an ended execution, [[place, lengths, content], …], and replaces
-- views of other formats. The lock prevents concurrent deletion of the execution.
create function crewline_keep_view(in_tenant text, in_id text, in_format int, in_parts jsonb) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant for key share;
  if not found or x.ended_at is null then return; end if;
  delete from crewline_view v where v.execution = x.key and v.format <> in_format;
  insert into crewline_view (execution, place, tenant, format, lengths, content)
    select x.key, (p.value->>0)::int, in_tenant, in_format,
      case when p.value->1 <> 'null' then array(select l.value::int from jsonb_array_elements_text(p.value->1) l) end, p.value->>2
    from jsonb_array_elements(in_parts) p
    on conflict do nothing;
end $$;
