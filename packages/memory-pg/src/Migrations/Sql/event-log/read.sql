-- The events after a seq. The first row, with seq 0, means that the execution exists. Stable: all
-- statements use one snapshot, so a concurrent deletion cannot leave half of an execution. Large
-- payloads are read only on request.
--
-- Without a task, the limit becomes a range of seq, which only the primary key can serve; with a
-- task, the index of its events serves it. So a page reads a page of rows, whatever the length of
-- the execution. Blobs are looked up one at a time, because a join may read all of them.
create function crewline_read(
  in_tenant text, in_id text, in_after int, in_limit int, in_task text, in_payloads boolean
) returns table (seq int, at timestamptz, body text, payload text)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  x crewline_execution;
  last int;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
  if not found then return; end if;
  return query select 0, x.last_at, null::text, null::text;
  last := x.last_seq;
  if in_task is not null then
    return query select e.seq, e.at, e.body,
        case
          when not in_payloads then null
          when e.payload_sha256 is null then e.payload
          else (select b.content from crewline_blob b where b.execution = e.execution and b.seq = e.seq)
        end
      from crewline_event e
      where greatest(e.execution, 0) = x.key and e.task_id collate "C" = in_task and greatest(e.seq, 0) > in_after
        and coalesce(e.task_id, '') <> '' and e.tenant = in_tenant
      order by greatest(e.seq, 0) limit in_limit;
    return;
  end if;
  if in_limit < x.last_seq - in_after then last := in_after + in_limit; end if;
  return query select e.seq, e.at, e.body,
      case
        when not in_payloads then null
        when e.payload_sha256 is null then e.payload
        else (select b.content from crewline_blob b where b.execution = e.execution and b.seq = e.seq)
      end
    from crewline_event e
    where e.execution = x.key and e.tenant = in_tenant and e.seq > in_after and e.seq <= last
    order by e.seq limit in_limit;
end $$;
