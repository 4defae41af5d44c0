-- The memories that a view sees that mention entities or, with `relations`, relate them; in the
-- order of storing, after a place.
create function crewline_memory_seen(in_tenant text, query jsonb, in_after bigint, in_limit int)
returns table (key bigint, id text, mentions text, body text)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  in_scopes bigint[] := crewline_memory_scopes(in_tenant, query->'view');
  in_time constant bigint := coalesce((query->>'time')::bigint, 9e15::bigint);
  relations constant boolean := coalesce((query->>'relations')::boolean, false);
  kept record;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into kept from crewline_memory_kept(in_tenant, (query->>'now')::bigint);
  return query
    select m.key, m.id, m.mentions, case when relations then m.body end
    from unnest(in_scopes) x (key)
    cross join lateral (
      select m.* from crewline_memory m
      where greatest(m.scope, 0) = x.key and greatest(m.key, 0) > in_after and m.tenant = in_tenant
        and (case when relations then m.relates else m.mentions is not null end)
        and not m.quarantined and m.stored_at <= in_time and (m.ends_at is null or m.ends_at > in_time)
        and (m.pinned or (m.key >= kept.places[m.kind + 1] and m.stored_at > kept.times[m.kind + 1]))
      order by greatest(m.key, 0) limit in_limit
    ) m
    order by m.key limit in_limit;
end $$;
