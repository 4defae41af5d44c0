-- Rows of the outbox in these states, oldest first; rows with the same time are ordered by
-- execution. Each state is a separate list whose next page an index returns in order. A page
-- continues after a place, even if the row there has changed or been deleted since. Null: the first
-- page.
create function crewline_list_outbox(
  in_tenant text, in_states jsonb, in_after_at timestamptz, in_after_execution text, in_after_seq int, in_after_part int, in_limit int
) returns table (
  execution_id text, seq int, part int, consumer text, state text, attempts int, at timestamptz, due_at timestamptz, error text
)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  after_key bigint;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if in_after_execution is not null then
    select e.key into after_key from crewline_execution e where e.id = in_after_execution and e.tenant = in_tenant;
    if not found then
      select g.key into after_key from crewline_gone g where g.tenant = in_tenant and g.id = in_after_execution;
    end if;
  end if;
  return query
    select x.id, l.seq, l.part, l.consumer, l.state, l.attempts, l.at, l.due_at, l.error
    from (
      select r.* from jsonb_array_elements_text(in_states) s
      cross join lateral (
        select o.* from crewline_outbox o
        where o.tenant collate "C" = in_tenant and o.state = s.value
          and (greatest(o.at, '-infinity'), greatest(o.execution, 0), greatest(o.seq, 0), greatest(o.part, 0))
            > (coalesce(in_after_at, '-infinity'), coalesce(after_key, 0), coalesce(in_after_seq, 0), coalesce(in_after_part, 0))
        order by greatest(o.at, '-infinity'), greatest(o.execution, 0), greatest(o.seq, 0), greatest(o.part, 0) limit in_limit
      ) r
      order by r.at, r.execution, r.seq, r.part limit in_limit
    ) l
    cross join lateral (
      select e.id from crewline_execution e where e.key = l.execution and e.tenant = in_tenant limit 1
    ) x
    order by l.at, l.execution, l.seq, l.part;
end $$;
