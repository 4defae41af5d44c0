-- What retention keeps of each kind, starting with kind 0: memories from a place on that were
-- stored after a time. `hides`: some memories are past retention and not deleted yet.
create function crewline_memory_kept(in_tenant text, in_now bigint, out places bigint[], out times bigint[], out hides boolean)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  rules jsonb;
  rule jsonb;
  in_kind smallint;
  from_place bigint;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  places := array[0, 0, 0];
  times := array[-9e15, -9e15, -9e15]::bigint[];
  hides := false;
  select r.rules::jsonb into rules from crewline_memory_retention r where r.tenant = in_tenant;
  if rules is null then rules := '[{"kind":0,"maxAgeDays":30}]'; end if;
  for rule in select value from jsonb_array_elements(rules) loop
    in_kind := (rule->>'kind')::smallint;
    if rule ? 'maxAgeDays' then
      -- Limited to the range of times.
      times[in_kind + 1] := greatest(-9e15, floor(in_now - least((rule->>'maxAgeDays')::float8 * 86400000, 1e16)))::bigint;
      hides := hides or exists (
        select from crewline_memory m
        where m.tenant collate "POSIX" = in_tenant and m.kind = in_kind and m.stored_at <= times[in_kind + 1] and not m.pinned
      );
    end if;
    if rule ? 'maxCount' then
      if (rule->>'maxCount')::bigint = 0 then
        from_place := 9223372036854775807;
      else
        select greatest(m.key, 0) into from_place from crewline_memory m
          where m.tenant collate "ucs_basic" = in_tenant and greatest(m.kind, 0) = in_kind and coalesce(m.pinned, false) = false
          order by greatest(m.key, 0) desc offset (rule->>'maxCount')::bigint - 1 limit 1;
      end if;
      if from_place is not null then
        places[in_kind + 1] := from_place;
        hides := hides or exists (
          select from crewline_memory m
          where m.tenant collate "ucs_basic" = in_tenant and greatest(m.kind, 0) = in_kind and greatest(m.key, 0) < from_place and coalesce(m.pinned, false) = false
        );
      end if;
    end if;
  end loop;
end $$;
