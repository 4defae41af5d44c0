-- Deletes rows of the outbox of one execution that are done: [[seq, part], …]. A row locked by
-- another transaction stays: it is being settled or claimed, and its claimant will settle it.
create function crewline_settle(in_execution bigint, in_tenant text, in_rows jsonb) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  place jsonb;
begin
  for place in select r.value from jsonb_array_elements(in_rows) r loop
    perform from crewline_outbox o
      where o.execution = in_execution and o.seq = (place->>0)::int and o.part = (place->>1)::int and o.tenant = in_tenant
      for update skip locked;
    if found then
      delete from crewline_outbox o
        where o.execution = in_execution and o.seq = (place->>0)::int and o.part = (place->>1)::int and o.tenant = in_tenant;
    end if;
  end loop;
end $$;
