-- Rows of the outbox in these states, oldest first. Each state is a list of its own, whose next page its index gives in order.
create function crewline_list_outbox(in_tenant text, in_states jsonb, in_after bigint, in_limit int) returns table (
  key bigint, execution_id text, seq int, part int, consumer text, state text, attempts int, at timestamptz, due_at timestamptz, error text
)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return query
    select l.key, x.id, l.seq, l.part, l.consumer, l.state, l.attempts, v.at, l.due_at, l.error
    from (
      select r.* from jsonb_array_elements_text(in_states) s
      cross join lateral (
        select o.* from crewline_outbox o
        where o.tenant collate "C" = in_tenant and o.state = s.value and o.key > in_after
        order by o.key limit in_limit
      ) r
      order by r.key limit in_limit
    ) l
    cross join lateral (
      select e.id from crewline_execution e where e.key = l.execution and e.tenant = in_tenant limit 1
    ) x
    cross join lateral (
      select e.at from crewline_event e where e.execution = l.execution and e.seq = l.seq and e.tenant = in_tenant limit 1
    ) v
    order by l.key;
end $$;
