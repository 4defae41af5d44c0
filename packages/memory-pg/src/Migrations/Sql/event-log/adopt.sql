-- Renews the leases of an owner and takes executions that are free. A renewal waits for its row, in one order, because an execution left
-- out of the answer counts as lost; others are taken only when nobody holds their row.
create function crewline_adopt(in_owner text, in_lease_millis double precision, in_limit int, in_ids jsonb)
returns table (execution_id text, tenant text, last_seq int)
language plpgsql security definer set search_path from current set enable_seqscan = off as $$
#variable_conflict use_column
declare
  now_at timestamptz;
  ids text[] := case when in_ids is not null then array(select jsonb_array_elements_text(in_ids)) end;
  mine bigint[];
  taken bigint[];
begin
  mine := array(
    select locked.key from (
      select e.key from crewline_execution e
      where e.ended_at is null and e.owner = in_owner and (ids is null or e.id = any (ids))
      order by e.tenant, e.key limit in_limit for no key update
    ) locked
  );
  now_at := clock_timestamp();
  taken := array(
    select locked.key from (
      select e.key from crewline_execution e
      where e.ended_at is null and e.owner is distinct from in_owner and (e.owner is null or e.lease_until <= now_at)
        and (ids is null or e.id = any (ids))
      order by e.started_at, e.key limit in_limit - coalesce(array_length(mine, 1), 0) for no key update skip locked
    ) locked
  );
  now_at := clock_timestamp();
  return query
    update crewline_execution e set owner = in_owner, leased_at = now_at,
      lease_until = now_at + in_lease_millis * interval '1 millisecond'
    where e.key = any (mine || taken)
    returning e.id, e.tenant, e.last_seq;
end $$;

revoke execute on function crewline_adopt(text, double precision, int, jsonb) from public;
