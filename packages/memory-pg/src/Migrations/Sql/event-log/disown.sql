-- Gives all leases of an owner back.
create function crewline_disown(in_owner text) returns void
language sql security definer set search_path from current set enable_seqscan = off as $$
  update crewline_execution set owner = null, lease_until = null where owner = in_owner and ended_at is null
$$;

revoke execute on function crewline_disown(text) from public;
