-- Memories that match all conditions of a filter, in the order of storing or, with `newest`, in
-- reverse. If it contains ids, a subject or scopes, only those are read. The query text is built
-- from the given conditions, so that absent ones cost nothing.
create function crewline_memory_list(in_tenant text, filter jsonb, in_limit int)
returns setof crewline_memory
language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  newest constant boolean := coalesce((filter->>'newest')::boolean, false);
  in_scopes bigint[] := crewline_memory_scopes(in_tenant, filter->'view');
  within bigint[] := crewline_memory_scopes(in_tenant, filter->'within');
  kept_places bigint[];
  kept_times bigint[];
  conditions text := 'm.tenant = $1';
  place text := '';
  direction constant text := case when newest then 'desc' else 'asc' end;
  after_key bigint;
  rows_of text;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if within is not null then
    in_scopes := case
      when in_scopes is null then within
      else array(select unnest(in_scopes) intersect select unnest(within))
    end;
  end if;
  if filter ? 'after' then
    select m.key into after_key from crewline_memory m where m.id = filter->>'after' and m.tenant = in_tenant;
    if after_key is null then
      -- That memory was erased: ids are ordered by storing, too.
      conditions := conditions || ' and m.id < ($2->>''after'')::text collate "C"';
    end if;
  end if;
  after_key := coalesce(after_key, (filter->>'afterKey')::bigint);
  if after_key is not null then place := format(' and greatest(m.key, 0) %s $4', case when newest then '<' else '>' end); end if;
  if filter ? 'kinds' then conditions := conditions || ' and $2->''kinds'' @> to_jsonb(m.kind)'; end if;
  if filter ? 'subject' then conditions := conditions || ' and m.subject = $2->>''subject'''; end if;
  if filter ? 'origin' then conditions := conditions || ' and m.origin = ($2->>''origin'')::smallint'; end if;
  if filter ? 'since' then conditions := conditions || ' and m.stored_at >= ($2->>''since'')::bigint'; end if;
  if filter ? 'before' then conditions := conditions || ' and m.stored_at < ($2->>''before'')::bigint'; end if;
  if filter ? 'time' then conditions := conditions || ' and m.stored_at <= ($2->>''time'')::bigint'; end if;
  if filter ? 'held' then
    conditions := conditions || ' and (m.ends_at is null' ||
      case when filter ? 'time' then ' or m.ends_at > ($2->>''time'')::bigint)' else ')' end;
  end if;
  if filter ? 'quarantined' then conditions := conditions || ' and m.quarantined = ($2->>''quarantined'')::boolean'; end if;
  if filter ? 'ids' and in_scopes is not null then conditions := conditions || ' and m.scope = any ($3)'; end if;
  if filter ? 'now' then
    select k.places, k.times into kept_places, kept_times from crewline_memory_kept(in_tenant, (filter->>'now')::bigint) k;
    conditions := conditions || format(
      ' and (m.pinned or (m.key >= (%L::bigint[])[m.kind + 1] and m.stored_at > (%L::bigint[])[m.kind + 1]))', kept_places, kept_times
    );
  end if;
  rows_of := case
    -- Not found by conditions on all memories: usually there are none.
    when filter ? 'expired' then format(
      'from unnest(array[0, 1, 2]::smallint[], %L::bigint[], %L::bigint[]) k (kind, place, time) cross join lateral (
        (select m.key from crewline_memory m
          where m.tenant collate "POSIX" = $1 and m.kind = k.kind and m.stored_at <= k.time and not m.pinned limit $5)
        union
        (select m.key from crewline_memory m
          where m.tenant collate "ucs_basic" = $1 and greatest(m.kind, 0) = k.kind and greatest(m.key, 0) < k.place
            and coalesce(m.pinned, false) = false
          limit $5)
      ) e cross join lateral (select m.* from crewline_memory m where m.key = e.key and m.tenant = $1 limit 1) m',
      kept_places, kept_times
    )
    when filter ? 'ids' then
      'from jsonb_array_elements_text($2->''ids'') i cross join lateral (
        select m.* from crewline_memory m where m.id = i.value and ' || conditions || place || ' limit 1) m'
    when filter ? 'subject' and in_scopes is null then 'from crewline_memory m where ' || conditions || place
    when in_scopes is not null then
      'from unnest($3) x (key) cross join lateral (
        select m.* from crewline_memory m where greatest(m.scope, 0) = x.key and ' || conditions || place ||
        ' order by greatest(m.key, 0) ' || direction || ' limit $5) m'
    else 'from crewline_memory m where m.tenant collate "C" = $1 and ' || conditions || place
  end;
  return query execute 'select m.* ' || rows_of || ' order by greatest(m.key, 0) ' || direction || ' limit $5'
    using in_tenant, filter, in_scopes, after_key, in_limit;
end $$;
