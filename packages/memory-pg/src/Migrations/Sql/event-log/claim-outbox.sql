-- Takes rows of the outbox that are due, of all tenants, for a while: of each consumer those that are due for longest. Rows that another
-- claims at this moment are skipped.
create function crewline_claim_outbox(in_consumers jsonb, in_limit int, in_lease_millis double precision)
returns table (tenant text, execution_id text, seq int, part int, consumer text, attempts int)
language plpgsql security definer set search_path from current set enable_seqscan = off as $$
#variable_conflict use_column
declare
  now_at timestamptz := clock_timestamp();
begin
  return query
    with due as (
      select l.execution, l.seq, l.part, l.due_at, l.key from jsonb_array_elements_text(in_consumers) c
      cross join lateral (
        select o.execution, o.seq, o.part, o.due_at, o.key from crewline_outbox o
        where o.consumer = c.value and o.due_at <= now_at
        order by o.due_at, o.key limit in_limit for update skip locked
      ) l
      order by l.due_at, l.key limit in_limit
    ),
    taken as (
      update crewline_outbox o set attempts = o.attempts + 1, due_at = now_at + in_lease_millis * interval '1 millisecond'
      from due d where o.execution = d.execution and o.seq = d.seq and o.part = d.part
      returning o.tenant, o.execution, o.seq, o.part, o.consumer, o.attempts, d.due_at, d.key
    )
    select t.tenant, e.id, t.seq, t.part, t.consumer, t.attempts
    from taken t cross join lateral (select x.id from crewline_execution x where x.key = t.execution limit 1) e
    order by t.due_at, t.key;
end $$;

revoke execute on function crewline_claim_outbox(jsonb, int, double precision) from public;
