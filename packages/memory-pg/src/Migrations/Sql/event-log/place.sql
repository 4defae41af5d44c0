-- Places of appends in the feeds of tenants, starting at 2. Before an append takes a place, it
-- publishes the last place given out so far in an advisory lock. Its own place is greater, and the
-- lock is held until its rows are visible.
--
-- A reader fetches the last place given out, then the lowest place published by a lock, then the
-- events up to the lower of the two. No event can be added up to there: a transaction that holds a
-- lock limits the reader, one that released its lock has committed, and one that acquires a lock
-- later gets a later place. Transactions that append nothing delay no reader.
create sequence crewline_place_sequence start 2;
select setval('crewline_place_sequence', 1);

-- Each statement of a volatile function sees what was committed before the statement started. One
-- lock per transaction, the first, is enough.
create function crewline_place() returns bigint
language plpgsql as $$
begin
  if current_setting('crewline.appends', true) is distinct from 'on' then
    perform pg_advisory_xact_lock_shared(1668440420, (((s.last_value + 2147483648) & 4294967295) - 2147483648)::int)
      from crewline_place_sequence s;
    perform set_config('crewline.appends', 'on', true);
  end if;
  return nextval('crewline_place_sequence');
end $$;

-- The place up to which feeds are complete. Lock keys have only 32 bits, so each stands for the
-- nearest earlier place that has those bits.
create function crewline_complete_place() returns bigint
language plpgsql as $$
declare
  given bigint;
  held bigint;
begin
  select s.last_value into given from crewline_place_sequence s;
  select min(given - ((given - l.objid::bigint) & 4294967295)) into held from pg_locks l
    where l.locktype = 'advisory' and l.classid = 1668440420 and l.objsubid = 2
      and l.database = (select d.oid from pg_database d where d.datname = current_database());
  return least(given, held);
end $$;
