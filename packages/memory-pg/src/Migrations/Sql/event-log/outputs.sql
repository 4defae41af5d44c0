-- Outputs of completed tasks. The first row, without a task, says that the execution exists.
create function crewline_outputs(in_tenant text, in_id text, in_tasks jsonb)
returns table (task_id text, payload text)
language plpgsql stable as $$
#variable_conflict use_column
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.tenant = in_tenant and e.id = in_id;
  if not found then return; end if;
  return query select null::text, null::text;
  return query select e.task_id, coalesce(e.payload, b.content)
    from crewline_event e
    left join crewline_blob b on b.execution = e.execution and b.seq = e.seq and e.payload_sha256 is not null
    where e.execution = x.key and e.tenant = in_tenant
      and e.task_id = any (array(select jsonb_array_elements_text(in_tasks)))
      and e.type = 'TaskCompleted';
end $$;
