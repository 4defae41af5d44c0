-- Makes a dead letter due at once, as if it had never been tried; a row that is pending stays as it is. Answers the row, as lists show it.
create function crewline_retry_outbox(in_tenant text, in_key bigint) returns table (
  key bigint, execution_id text, seq int, part int, consumer text, state text, attempts int, at timestamptz, due_at timestamptz, error text
)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform set_config('crewline.tenant', in_tenant, true);
  update crewline_outbox o set due_at = clock_timestamp(), attempts = 0
    where o.tenant collate "C" = in_tenant and o.state = 'dead' and o.key = in_key;
  return query select l.* from crewline_list_outbox(in_tenant, '["pending", "dead"]', in_key - 1, 1) l where l.key = in_key;
end $$;
