-- What became of rows of the outbox, of whatever tenants: without an error they are done, and deleted; with one they are due again after
-- so many milliseconds, or dead letters.
create function crewline_settle_outbox(in_rows jsonb) returns void
language plpgsql security definer set search_path from current set enable_seqscan = off as $$
declare
  item jsonb;
  found_key bigint;
begin
  -- In one order, so that no two wait for each other.
  for item in
    select i.value from jsonb_array_elements(in_rows) i
    order by i.value->>'executionId', i.value->>'tenant', (i.value->>'seq')::int, (i.value->>'part')::int
  loop
    select e.key into found_key from crewline_execution e where e.id = item->>'executionId' and e.tenant = item->>'tenant';
    if item ? 'error' then
      update crewline_outbox o set
        error = item->>'error',
        due_at = clock_timestamp() + (item->>'delayMillis')::float8 * interval '1 millisecond'
        where o.execution = found_key and o.seq = (item->>'seq')::int and o.part = (item->>'part')::int;
    else
      delete from crewline_outbox o
        where o.execution = found_key and o.seq = (item->>'seq')::int and o.part = (item->>'part')::int;
    end if;
  end loop;
end $$;

revoke execute on function crewline_settle_outbox(jsonb) from public;
