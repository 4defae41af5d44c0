-- Functions across tenants, because one process runs the executions of all tenants. They belong to
-- the owner of the tables, to whom policies do not apply; only the owner may call them, unless
-- granted. They accept and return ids, positions and leases, never the contents of events.

-- Renews the leases of an owner and takes over executions that are free. A renewal waits for row
-- locks, in a fixed order, because an execution missing from the result counts as lost; free
-- executions are taken only if their row is not locked. Executions named by the caller are looked
-- up by id first, and the condition for open ones is written such that the index of open executions
-- does not match.
create function crewline_adopt(in_owner text, in_lease_millis double precision, in_limit int, in_ids jsonb)
returns table (execution_id text, tenant text, last_seq int)
language plpgsql security definer set search_path from current set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  now_at timestamptz;
  named bigint[];
  mine bigint[];
  taken bigint[];
begin
  if in_ids is null then
    mine := array(
      select locked.key from (
        select e.key from crewline_execution e
        where e.ended_at is null and e.owner = in_owner
        order by e.tenant, e.key limit in_limit for no key update
      ) locked
    );
    now_at := clock_timestamp();
    taken := array(
      select locked.key from (
        select e.key from crewline_execution e
        where e.ended_at is null and e.owner is distinct from in_owner and (e.owner is null or e.lease_until <= now_at)
        order by e.started_at, e.key limit in_limit - coalesce(array_length(mine, 1), 0) for no key update skip locked
      ) locked
    );
  else
    named := array(
      select found.key from jsonb_array_elements_text(in_ids) as given,
        lateral (select e.key from crewline_execution e where e.id = given.value offset 0) as found
    );
    mine := array(
      select locked.key from (
        select e.key from crewline_execution e
        where e.key = any (named) and coalesce(e.ended_at, '-infinity') = '-infinity' and e.owner = in_owner
        order by e.tenant, e.key limit in_limit for no key update
      ) locked
    );
    now_at := clock_timestamp();
    taken := array(
      select locked.key from (
        select e.key from crewline_execution e
        where e.key = any (named) and coalesce(e.ended_at, '-infinity') = '-infinity'
          and e.owner is distinct from in_owner and (e.owner is null or e.lease_until <= now_at)
        order by e.started_at, e.key limit in_limit - coalesce(array_length(mine, 1), 0) for no key update skip locked
      ) locked
    );
  end if;
  now_at := clock_timestamp();
  return query
    update crewline_execution e set owner = in_owner, leased_at = now_at,
      lease_until = now_at + in_lease_millis * interval '1 millisecond'
    where e.key = any (mine || taken)
    returning e.id, e.tenant, e.last_seq;
end $$;

-- The owners of executions with a valid lease, and when each last renewed it. For an execution
-- owned since its start, that is the start.
create function crewline_owners()
returns table (owner text, executions int, silent_millis double precision, lease_millis double precision)
language sql stable security definer set search_path from current set enable_seqscan = off set jit = off as $$
  select e.owner, count(*)::int,
    extract(epoch from clock_timestamp() - max(coalesce(e.leased_at, e.started_at)))::double precision * 1000,
    extract(epoch from max(e.lease_until - coalesce(e.leased_at, e.started_at)))::double precision * 1000
  from crewline_execution e
  where e.ended_at is null and e.owner is not null and e.lease_until > clock_timestamp()
  group by e.owner
$$;

-- Releases all leases of an owner; null: of all owners.
create function crewline_disown(in_owner text) returns void
language sql security definer set search_path from current set enable_seqscan = off set jit = off as $$
  update crewline_execution set owner = null, lease_until = null
  where ended_at is null and owner is not null and (in_owner is null or owner = in_owner)
$$;

-- The positions of executions, for followers that missed notifications: [[tenant, id], …].
create function crewline_positions(in_executions jsonb)
returns table (tenant text, execution_id text, last_seq int, ended boolean)
language sql stable security definer set search_path from current set enable_seqscan = off set jit = off as $$
  select e.tenant, e.id, e.last_seq, e.ended_at is not null
  from jsonb_array_elements(in_executions) i
  cross join lateral (
    select * from crewline_execution x where x.id = i.value->>1 and x.tenant = i.value->>0 limit 1
  ) e
$$;

-- Ends the key of feed cursors if this database was restored from a dump of another one: called
-- before anything is appended here.
create function crewline_end_feed_key() returns void
language sql security definer set search_path from current as $$
  update crewline_feed_key k set until = (select s.last_value from crewline_place_sequence s)
    where k.until is null and k.database <> (select d.oid::bigint from pg_database d where d.datname = current_database());
$$;

-- The keys of feed cursors with the last place of each, in the order of places; stores the given key
-- first if this database has none.
create function crewline_feed_keys(in_new text) returns table (key text, until text)
language plpgsql security definer set search_path from current as $$
begin
  if not exists (select from crewline_feed_key k where k.until is null) then
    insert into crewline_feed_key (key, database)
      select in_new, d.oid::bigint from pg_database d where d.datname = current_database()
      on conflict do nothing;
  end if;
  return query select k.key, k.until::text from crewline_feed_key k order by k.until nulls last;
end $$;

-- Claims due rows of the outbox, of all tenants, for the duration of a lease: for each consumer,
-- those due the longest. Rows locked by other transactions are skipped. Results of earlier rows,
-- for crewline_settle_outbox, are stored first. Due rows are read in index order and updated one at
-- a time; otherwise the planner might sort or join all of them.
create function crewline_claim_outbox(in_consumers jsonb, in_limit int, in_lease_millis double precision, in_settled jsonb)
returns table (tenant text, execution_id text, seq int, part int, consumer text, attempts int)
language plpgsql security definer set search_path from current set enable_seqscan = off set jit = off set enable_sort = off as $$
#variable_conflict use_column
declare
  now_at timestamptz := clock_timestamp();
  due record;
begin
  if in_settled is not null then perform crewline_settle_outbox(in_settled); end if;
  for due in
    select l.execution, l.seq, l.part from jsonb_array_elements_text(in_consumers) c
    cross join lateral (
      select o.execution, o.seq, o.part, o.due_at from crewline_outbox o
      where o.consumer = c.value and o.due_at <= now_at
      order by o.due_at, o.execution, o.seq, o.part limit in_limit for update skip locked
    ) l
    order by l.due_at, l.execution, l.seq, l.part limit in_limit
  loop
    update crewline_outbox o set attempts = o.attempts + 1, due_at = now_at + in_lease_millis * interval '1 millisecond'
      where o.execution = due.execution and o.seq = due.seq and o.part = due.part
      returning o.tenant, (select x.id from crewline_execution x where x.key = o.execution), o.seq, o.part, o.consumer, o.attempts
      into tenant, execution_id, seq, part, consumer, attempts;
    return next;
  end loop;
end $$;

-- Stores the results of outbox rows of any tenants: rows without an error are done and deleted;
-- rows with an error become due again after the given milliseconds, or dead letters.
create function crewline_settle_outbox(in_rows jsonb) returns void
language plpgsql security definer set search_path from current set enable_seqscan = off set jit = off as $$
declare
  item jsonb;
  found_key bigint;
begin
  -- A fixed order prevents deadlock.
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

-- Deletes executions of all tenants that ended long ago, oldest end first, and stops at max_events
-- so that each call is short. Skips locked rows. Records of deleted executions expire, too.
create function crewline_prune(
  in_ended_millis double precision, in_limit int, in_tenant text, in_remember_millis double precision
) returns table (execution_id text, tenant text)
language plpgsql security definer set search_path from current set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  x crewline_execution;
  now_at timestamptz := clock_timestamp();
  events int := 0;
  pruned crewline_execution[] := '{}';
  max_events constant int := 20000;
begin
  -- By row address, which the lock keeps stable: a join with so many rows may scan the whole table.
  delete from crewline_gone g where g.ctid = any (array(
    select o.ctid from crewline_gone o
    where o.gone_at <= now_at - in_remember_millis * interval '1 millisecond' and (in_tenant is null or o.tenant = in_tenant)
    order by o.gone_at limit max_events for update skip locked
  ));
  for x in
    select * from crewline_execution e
    where e.ended_at is not null and e.ended_at <= now_at - in_ended_millis * interval '1 millisecond'
      and (in_tenant is null or e.tenant = in_tenant)
    order by e.ended_at limit in_limit for update skip locked
  loop
    exit when events > 0 and events + x.last_seq > max_events;
    events := events + x.last_seq;
    perform crewline_bury(x);
    pruned := pruned || x;
    execution_id := x.id; tenant := x.tenant;
    return next;
  end loop;
  -- Ordered by tenant, which prevents deadlock between concurrent calls.
  insert into crewline_feed_expiry as f (tenant, place, execution, seq)
    select distinct on (p.tenant) p.tenant, p.place, p.key, p.last_seq from unnest(pruned) p
    order by p.tenant, p.place desc, p.key desc
    on conflict (tenant) do update set place = excluded.place, execution = excluded.execution, seq = excluded.seq
      where (excluded.place, excluded.execution, excluded.seq) > (f.place, f.execution, f.seq);
end $$;
