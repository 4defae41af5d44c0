-- The events that brought signals or tasks (in_kind) of these names, in order. The first row, of
-- nulls, means that the execution exists.
create function crewline_named(in_tenant text, in_id text, in_kind text, in_names jsonb)
returns table (body text, payload text)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
  if not found then return; end if;
  return query select null::text, null::text;
  return query select e.body,
      case
        when e.payload_sha256 is null then e.payload
        else (select b.content from crewline_blob b where b.execution = x.key and b.seq = n.seq)
      end
    from (
      select distinct o.seq from (select distinct value as name from jsonb_array_elements_text(in_names)) i
      cross join lateral (
        select w.seq from crewline_origin w
        where w.execution = x.key and w.kind = in_kind and w.name = i.name and w.tenant = in_tenant
        limit 1
      ) o
    ) n
    cross join lateral (
      select v.body, v.payload, v.payload_sha256 from crewline_event v
      where v.execution = x.key and v.seq = n.seq and v.tenant = in_tenant
      limit 1
    ) e
    order by n.seq;
end $$;
