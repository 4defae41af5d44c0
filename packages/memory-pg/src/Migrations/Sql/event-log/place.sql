-- Places of appends in the feeds of tenants, from 2 on. Whoever appends takes one after it has said in an advisory lock how far places had been
-- given by then. Its place is greater than that, and the lock is held until what it writes can be seen.
--
-- So a reader that asks how far places were given, then for the least that such a lock says, and then for events up to the lesser of both, is
-- given all that there will ever be up to there: who held a lock limits it, who held one before has committed, and who takes one later gets a
-- later place. Transactions that append nothing delay nobody.
create sequence crewline_place_sequence start 2;
select setval('crewline_place_sequence', 1);

-- Every statement of a volatile function sees what was committed when it began. One lock, the first, does for a transaction.
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

-- Up to where places are complete. Of keys, which have 32 bits, the nearest place before is meant.
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
