-- Deletes executions that ended long ago, of all tenants, those that ended first, and stops at max_events so that one call stays short.
-- It skips what others hold. Deleted executions that were remembered long enough are forgotten.
create function crewline_prune(
  in_ended_millis double precision, in_limit int, in_tenant text, in_remember_millis double precision
) returns table (execution_id text, tenant text)
language plpgsql security definer set search_path from current set enable_seqscan = off as $$
#variable_conflict use_column
declare
  x crewline_execution;
  now_at timestamptz := clock_timestamp();
  events int := 0;
  max_events constant int := 20000;
begin
  delete from crewline_gone g where (g.tenant, g.id) in (
    select o.tenant, o.id from crewline_gone o
    where o.gone_at <= now_at - in_remember_millis * interval '1 millisecond' and (in_tenant is null or o.tenant = in_tenant)
    order by o.gone_at limit max_events for update skip locked
  );
  for x in
    select * from crewline_execution e
    where e.ended_at is not null and e.ended_at <= now_at - in_ended_millis * interval '1 millisecond'
      and (in_tenant is null or e.tenant = in_tenant)
    order by e.ended_at limit in_limit for update skip locked
  loop
    exit when events > 0 and events + x.last_seq > max_events;
    events := events + x.last_seq;
    perform crewline_bury(x);
    execution_id := x.id; tenant := x.tenant;
    return next;
  end loop;
end $$;

revoke execute on function crewline_prune(double precision, int, text, double precision) from public;
