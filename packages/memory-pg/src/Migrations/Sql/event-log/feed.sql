-- A page of a tenant's feed, up to the place where it is complete: events after a place, ordered by
-- (place, execution, seq), each with the crew of its execution. If there is no page, a single row
-- has the reason as its state: 'ahead' (no append has this place yet) or 'expired' (events
-- after it were deleted because of their age). Stable, so that nothing can be deleted between the
-- check for expiry and the reading of events.
--
-- The index contains the first event of each append; the others follow it in the primary key.
-- Sorting is disabled because the index already has the order, and without statistics the planner
-- might sort a whole tenant.
create function crewline_feed_page(
  in_tenant text, in_place bigint, in_execution bigint, in_seq int, in_limit int, complete bigint
)
returns table (
  state text, place bigint, execution bigint, seq int, execution_id text, crew_name text, crew_id text, at timestamptz, body text, payload text
)
language plpgsql stable set plan_cache_mode = force_generic_plan
set enable_seqscan = off set jit = off set enable_bitmapscan = off set enable_sort = off as $$
#variable_conflict use_column
declare
  part record;
  left_over int := in_limit;
  found_rows int;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  -- Not 'ahead' when only greater than `complete`: that decreases when an append publishes its lock
  -- late, and the page is then empty for as long as that append runs.
  if in_place > complete and in_place > (select s.last_value from crewline_place_sequence s) then
    state := 'ahead'; return next; return;
  end if;
  if in_place > 0 and exists (
    select from crewline_feed_expiry f
    where f.tenant = in_tenant and (in_place, in_execution, in_seq) < (f.place, f.execution, f.seq)
  ) then
    state := 'expired'; return next; return;
  end if;
  for part in
    -- The rest of the append if the place is in the middle of one.
    (select e.execution, in_seq + 1 as first, e.append_last as last from crewline_event e
      where e.execution = in_execution and e.seq = in_seq and e.tenant = in_tenant)
    union all
    (select e.execution, e.seq, e.append_last from crewline_event e
      where e.tenant collate "C" = in_tenant and e.seq = e.append_first
        and (e.place, e.execution, e.seq) > (in_place, in_execution, in_seq) and e.place <= complete
      order by e.place, e.execution, e.seq limit in_limit)
  loop
    return query select null::text, e.place, e.execution, e.seq, x.id, x.crew_name, x.crew_id, e.at, e.body,
        case
          when e.payload_sha256 is null then e.payload
          else (select b.content from crewline_blob b where b.execution = e.execution and b.seq = e.seq)
        end
      from crewline_event e join crewline_execution x on x.key = e.execution
      where e.execution = part.execution and e.tenant = in_tenant and e.seq >= part.first and e.seq <= part.last
      order by e.seq limit left_over;
    get diagnostics found_rows = row_count;
    left_over := left_over - found_rows;
    exit when left_over <= 0;
  end loop;
end $$;

-- The page as of now. Volatile, because a separate, earlier statement must determine how far the
-- feed is complete.
create function crewline_feed(in_tenant text, in_place bigint, in_execution bigint, in_seq int, in_limit int)
returns table (
  state text, place bigint, execution bigint, seq int, execution_id text, crew_name text, crew_id text, at timestamptz, body text, payload text
)
language plpgsql as $$
declare
  complete constant bigint := crewline_complete_place();
begin
  return query select * from crewline_feed_page(in_tenant, in_place, in_execution, in_seq, in_limit, complete);
end $$;
