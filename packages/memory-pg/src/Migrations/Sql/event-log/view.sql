-- The summary of one execution and, if it has ended and a view of this format was stored, that
-- view: the head in the first row, then the parts that contain tasks from in_from up to, but not
-- including, in_to.
create function crewline_read_view(in_tenant text, in_id text, in_format int, in_from int, in_to int) returns table (
  id text, crew_name text, crew_id text, status text, started_at timestamptz, ended_at timestamptz, last_seq int, version int,
  asking boolean, place int, lengths int[], content text
)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  x crewline_execution;
  head text;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
  if not found then return; end if;
  if x.ended_at is not null then
    select v.content into head from crewline_view v
      where v.execution = x.key and v.place = -1 and v.tenant = in_tenant and v.format = in_format;
  end if;
  return query select x.id, x.crew_name, x.crew_id, x.status, x.started_at, x.ended_at, x.last_seq, x.version,
    x.open_asks > 0 and x.ended_at is null, null::int, null::int[], head;
  if head is null then return; end if;
  return query select null::text, null::text, null::text, null::text, null::timestamptz, null::timestamptz, null::int, null::int,
      null::boolean, v.place, v.lengths, v.content
    from crewline_view v
    where v.execution = x.key and v.place >= greatest(in_from - 255, 0) and v.place < in_to
      and v.place + cardinality(v.lengths) > in_from and v.tenant = in_tenant and v.format = in_format
    order by v.place;
end $$;
