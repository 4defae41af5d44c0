-- The memories nearest to a vector among those that the query sees, at most `limit`. Up to `exact` vectors in its scopes are all compared;
-- among more the index is asked, which goes on until there are enough. Where it gives up before that (hnsw.max_scan_tuples: few of the nearest
-- pass the filter), all are compared after all.
create function crewline_memory_near(in_tenant text, query jsonb, in_space int, in_vector text)
returns table (key bigint, cosine double precision)
language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
#variable_conflict use_column
declare
  vectors constant text := 'crewline_memory_vector_' || in_space;
  in_scopes bigint[] := crewline_memory_scopes(in_tenant, query->'view');
  in_limit constant int := (query->>'limit')::int;
  in_exact constant int := (query->>'exact')::int;
  in_dimensions int;
  kept record;
  rows_of bigint;
  found_keys bigint[];
  found_cosines float8[];
  condition text;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select s.dimensions into in_dimensions from crewline_memory_space s where s.key = in_space;
  -- Dropped, although a process still uses it: memories are found by words.
  if not found then return; end if;
  select * into kept from crewline_memory_kept(in_tenant, (query->>'now')::bigint);
  condition := format(
    'm.key = v.memory and m.tenant = $1 and m.scope = any ($2) and not m.quarantined and $3->''kinds'' @> to_jsonb(m.kind)
     and m.trust <= ($3->>''trust'')::smallint and m.stored_at <= %1$s and (m.ends_at is null or m.ends_at > %1$s)
     and (m.pinned or (m.key >= (%2$L::bigint[])[m.kind + 1] and m.stored_at > (%3$L::bigint[])[m.kind + 1]))',
    coalesce((query->>'time')::bigint, 9e15::bigint), kept.places, kept.times
  );
  execute format(
    'select count(*) from unnest($1) x (key) cross join lateral (
       select from %I v where greatest(v.scope, 0) = x.key and v.tenant = $2 limit $3
     ) v', vectors
  ) into rows_of using in_scopes, in_tenant, in_exact + 1;

  if rows_of > in_exact and in_dimensions <= 4000 then
    perform set_config('hnsw.iterative_scan', 'relaxed_order', true),
      set_config('hnsw.ef_search', greatest(in_limit, 100)::text, true);
    execute format(
      'select array_agg(n.memory order by n.distance, n.memory), array_agg(1 - n.distance order by n.distance, n.memory) from (
         select v.memory, v.distance from (
           select v.memory, v.embedding%2$s <=> $4::%3$s as distance from %1$I v
           where v.scope = any ($2) and v.tenant = $1 order by v.embedding%2$s <=> $4::%3$s
         ) v
         cross join lateral (select from crewline_memory m where %4$s) m
         limit $5
       ) n',
      vectors,
      case when in_dimensions > 2000 then format('::halfvec(%s)', in_dimensions) else '' end,
      case when in_dimensions > 2000 then format('halfvec(%s)', in_dimensions) else 'vector' end,
      condition
    ) into found_keys, found_cosines using in_tenant, in_scopes, query, in_vector, in_limit;
  end if;
  if coalesce(array_length(found_keys, 1), 0) < in_limit then
    execute format(
      'select array_agg(n.memory order by n.distance, n.memory), array_agg(1 - n.distance order by n.distance, n.memory) from (
         select v.memory, v.distance from (
           select v.memory, v.embedding <=> $4::vector as distance
           from unnest($2) x (key) cross join lateral (
             select v.memory, v.embedding from %1$I v where greatest(v.scope, 0) = x.key and v.tenant = $1
           ) v
           order by distance offset 0
         ) v
         cross join lateral (select from crewline_memory m where %2$s) m
         limit $5
       ) n', vectors, condition
    ) into found_keys, found_cosines using in_tenant, in_scopes, query, in_vector, in_limit;
  end if;
  return query select n.key, n.cosine from unnest(found_keys, found_cosines) n (key, cosine);
end $$;
