-- The events after a seq. The first row, with seq 0, says that the execution exists. Stable: all statements see one moment, and never
-- half of an execution. What is large is read only when it is asked for.
create function crewline_read(
  in_tenant text, in_id text, in_after int, in_limit int, in_task text, in_payloads boolean
) returns table (seq int, at timestamptz, body text, payload text)
language plpgsql stable as $$
#variable_conflict use_column
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.tenant = in_tenant and e.id = in_id;
  if not found then return; end if;
  return query select 0, x.last_at, null::text, null::text;
  if in_payloads then
    return query select e.seq, e.at, e.body, coalesce(e.payload, b.content)
      from crewline_event e
      left join crewline_blob b on b.execution = e.execution and b.seq = e.seq and e.payload_sha256 is not null
      where e.execution = x.key and e.tenant = in_tenant and e.seq > in_after and (in_task is null or e.task_id = in_task)
      order by e.seq limit in_limit;
  else
    return query select e.seq, e.at, e.body, null::text
      from crewline_event e
      where e.execution = x.key and e.tenant = in_tenant and e.seq > in_after and (in_task is null or e.task_id = in_task)
      order by e.seq limit in_limit;
  end if;
end $$;
