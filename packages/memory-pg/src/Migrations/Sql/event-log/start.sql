-- Stores the row and the first event, unless the id or the idempotency key is taken. One whose execution is deleted at this moment is
-- free again, and tried again.
create function crewline_start(
  in_tenant text, in_id text, in_crew_name text, in_crew_id text, in_key text, in_hash text,
  in_owner text, in_lease_millis double precision, in_body text
) returns table (outcome text, execution_id text)
language plpgsql set enable_seqscan = off as $$
declare
  now_at timestamptz := date_trunc('milliseconds', clock_timestamp());
  new_key bigint;
  found_id text;
  found_hash text;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  loop
    insert into crewline_execution
      (tenant, id, crew_name, crew_id, last_seq, version, last_at, started_at, idempotency_key, request_hash,
        owner, lease_until)
      values (in_tenant, in_id, in_crew_name, in_crew_id, 1, 1, now_at, now_at, in_key, in_hash,
        in_owner, case when in_owner is not null then now_at + in_lease_millis * interval '1 millisecond' end)
      on conflict do nothing
      returning key into new_key;
    if new_key is not null then
      insert into crewline_event (execution, seq, tenant, type, at, append_first, append_last, append_version, body)
        values (new_key, 1, in_tenant, 'ExecutionStarted', now_at, 1, 1, 1, in_body);
      return query select 'started', in_id;
      return;
    end if;
    -- The insert waited for whoever held the same key or id; a statement begun now sees the row that won.
    select e.id, e.request_hash into found_id, found_hash
      from crewline_execution e where e.tenant = in_tenant and e.idempotency_key = in_key;
    if not found then
      select e.id, in_hash into found_id, found_hash
        from crewline_execution e where e.tenant = in_tenant and e.id = in_id;
      continue when not found;
    end if;
    return query select case when found_hash is not distinct from in_hash then 'existing' else 'reused' end, found_id;
    return;
  end loop;
end $$;
