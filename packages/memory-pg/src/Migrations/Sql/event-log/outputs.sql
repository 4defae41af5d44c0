-- Outputs of completed tasks, each found in the index of outcomes. The first row, without a task,
-- means that the execution exists.
create function crewline_outputs(in_tenant text, in_id text, in_tasks jsonb)
returns table (task_id text, payload text)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
  if not found then return; end if;
  return query select null::text, null::text;
  return query select t.id,
      case
        when e.payload_sha256 is null then e.payload
        else (select b.content from crewline_blob b where b.execution = e.execution and b.seq = e.seq)
      end
    from (select distinct value as id from jsonb_array_elements_text(in_tasks)) t
    cross join lateral (
      select o.execution, o.seq, o.payload, o.payload_sha256 from crewline_event o
      where o.guarded = x.key and o.task_id = t.id
        and o.type in ('TaskCompleted', 'TaskFailed', 'TaskSkipped', 'TaskCancelled') and o.type = 'TaskCompleted'
        and o.tenant = in_tenant
      limit 1
    ) e;
end $$;
