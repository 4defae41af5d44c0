-- Adds to the counts of scopes. Called last in a transaction, in a fixed order.
create function crewline_memory_count_classes(in_tenant text, scopes bigint[], classes int[], documents int[], lengths int[]) returns void
language sql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
  insert into crewline_memory_class as c (scope, class, tenant, documents, length)
    select d.scope, d.class, in_tenant, sum(d.documents), sum(d.length)
    from unnest(scopes, classes, documents, lengths) d (scope, class, documents, length)
    group by d.scope, d.class having sum(d.documents) <> 0 or sum(d.length) <> 0
    order by d.scope, d.class
  on conflict (scope, class) do update
    set documents = c.documents + excluded.documents, length = c.length + excluded.length;
$$;
