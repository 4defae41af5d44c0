-- Who owns executions by a lease that holds, and when each renewed it. An execution that was owned from its start on has no time of its own.
create function crewline_owners()
returns table (owner text, executions int, silent_millis double precision, lease_millis double precision)
language sql stable security definer set search_path from current set enable_seqscan = off as $$
  select e.owner, count(*)::int,
    extract(epoch from clock_timestamp() - max(coalesce(e.leased_at, e.started_at)))::double precision * 1000,
    extract(epoch from max(e.lease_until - coalesce(e.leased_at, e.started_at)))::double precision * 1000
  from crewline_execution e
  where e.ended_at is null and e.owner is not null and e.lease_until > clock_timestamp()
  group by e.owner
$$;

revoke execute on function crewline_owners() from public;
