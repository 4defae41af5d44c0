-- A batch of requests from one process, each for one tenant and with its own result. If another
-- transaction has locked the scopes of a request, its result is 'busy' unless in_wait is set. All
-- scopes are locked first, in a fixed order, then all keys are inserted, in a fixed order.
--
-- A receipt is [outcome, id, id of the memory that was replaced]. An import stores entries
-- unchanged and skips those that exist.
create function crewline_memory_remember(batch jsonb, in_wait boolean)
returns table (outcome text, receipts jsonb)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  item jsonb;
  entry jsonb;
  wanted record;
  number int := 0;
  in_tenant text;
  held jsonb := '{}';
  ready boolean[];
  is_import boolean;
  stored_scope bigint;
  known_id text;
  known record;
  old record;
  old_id text;
  in_conversation bigint;
  in_place int;
  stored_key bigint;
  in_terms text[];
  -- Counts, added at the end.
  tenants text[] := '{}';
  scopes bigint[] := '{}';
  classes int[] := '{}';
  documents int[] := '{}';
  lengths int[] := '{}';
  counted text[] := '{}';
  reasons text[] := '{}';
  numbers int[] := '{}';
begin
  for wanted in
    select i.value->>'tenant' as tenant, s.value->>'path' as path, (array_agg(s.value))[1] as parts
    from jsonb_array_elements(batch) i cross join jsonb_array_elements(i.value->'scopes') s
    group by 1, 2 order by 1, 2
  loop
    in_tenant := wanted.tenant;
    perform set_config('crewline.tenant', in_tenant, true);
    insert into crewline_memory_scope (tenant, path, crew, agent, person, session, execution)
      select in_tenant, wanted.path, wanted.parts->>'crew', wanted.parts->>'agent', wanted.parts->>'user',
        wanted.parts->>'session', wanted.parts->>'execution'
      where not exists (select from crewline_memory_scope s where s.path = wanted.path and s.tenant = in_tenant)
      on conflict do nothing;
    stored_scope := null;
    if in_wait then
      select s.key into stored_scope from crewline_memory_scope s
        where s.path = wanted.path and s.tenant = in_tenant for no key update;
    else
      select s.key into stored_scope from crewline_memory_scope s
        where s.path = wanted.path and s.tenant = in_tenant for no key update skip locked;
    end if;
    if stored_scope is not null then held := held || jsonb_build_object(in_tenant || E'\n' || wanted.path, stored_scope); end if;
  end loop;
  ready := array(
    select not exists (
      select from jsonb_array_elements(i.value->'scopes') s where not held ? ((i.value->>'tenant') || E'\n' || (s.value->>'path'))
    )
    from jsonb_array_elements(batch) with ordinality i order by i.ordinality
  );
  for wanted in
    select i.value->>'tenant' as tenant, k.value as path
    from jsonb_array_elements(batch) with ordinality i cross join jsonb_array_elements_text(i.value->'keys') k
    where ready[i.ordinality] group by 1, 2 order by 1, 2
  loop
    in_tenant := wanted.tenant;
    perform set_config('crewline.tenant', in_tenant, true);
    insert into crewline_memory_key (path, tenant) values (wanted.path, in_tenant) on conflict do nothing;
  end loop;

  for item in select i.value from jsonb_array_elements(batch) with ordinality i order by i.ordinality loop
    number := number + 1;
    outcome := 'busy';
    receipts := '[]';
    if not ready[number] then
      return next;
      continue;
    end if;
    outcome := 'done';
    in_tenant := item->>'tenant';
    perform set_config('crewline.tenant', in_tenant, true);
    is_import := coalesce((item->>'import')::boolean, false);
    if not is_import then
      counted := counted || in_tenant; reasons := reasons || ''::text; numbers := numbers || jsonb_array_length(item->'entries');
    end if;

    for entry in select e.value from jsonb_array_elements(item->'entries') with ordinality e order by e.ordinality loop
      if entry ? 'keyPath' and not is_import then
        select k.memory into known_id from crewline_memory_key k where k.path = entry->>'keyPath' and k.tenant = in_tenant;
        if known_id is not null then
          -- A replay is not counted as a new submission.
          counted := counted || in_tenant; reasons := reasons || ''::text; numbers := numbers || -1;
          if exists (select from crewline_memory m where m.id = known_id and m.tenant = in_tenant) then
            receipts := receipts || jsonb_build_array(jsonb_build_array('known', known_id));
          else
            counted := counted || in_tenant; reasons := reasons || 'erased'::text; numbers := numbers || 1;
            receipts := receipts || '[["erased"]]';
          end if;
          continue;
        end if;
      end if;
      if entry ? 'refused' then
        counted := counted || in_tenant; reasons := reasons || (entry->>'refused'); numbers := numbers || 1;
        receipts := receipts || jsonb_build_array(jsonb_build_array('refused', entry->>'refused'));
        continue;
      end if;
      if is_import and exists (select from crewline_memory m where m.id = entry->>'id' and m.tenant = in_tenant) then
        receipts := receipts || '[["known"]]';
        continue;
      end if;

      select m.key, m.id into known from crewline_memory m where m.identity = entry->>'identity' and m.tenant = in_tenant;
      if found then
        if not is_import then
          update crewline_memory m set corroborations = m.corroborations + 1 where m.key = known.key and m.tenant = in_tenant;
          if entry ? 'keyPath' then
            update crewline_memory_key k set memory = known.id where k.path = entry->>'keyPath' and k.tenant = in_tenant;
          end if;
        end if;
        receipts := receipts || jsonb_build_array(jsonb_build_array('known', known.id));
        continue;
      end if;

      stored_scope := (held->>(in_tenant || E'\n' || (entry->>'path')))::bigint;
      old_id := null;
      if entry ? 'holdsFor' then
        if is_import then
          if exists (select from crewline_memory m where m.holds_for = entry->>'holdsFor' and m.tenant = in_tenant) then
            receipts := receipts || '[["known"]]';
            continue;
          end if;
        else
          update crewline_memory m
            set ends_at = (entry->>'storedAt')::bigint, superseded_by = entry->>'id', identity = null, holds_for = null
            where m.holds_for = entry->>'holdsFor' and m.tenant = in_tenant
            returning m.id, m.kind, m.trust, m.length, m.quarantined into old;
          if found then old_id := old.id; end if;
          if found and not old.quarantined then
            tenants := tenants || in_tenant; scopes := scopes || stored_scope; classes := classes || (5 * old.kind + old.trust);
            documents := documents || -1; lengths := lengths || -old.length;
          end if;
        end if;
      end if;

      in_conversation := null;
      in_place := null;
      if entry ? 'conversation' then
        insert into crewline_memory_conversation as c (tenant, path, next)
          values (in_tenant, entry->>'conversation', 1)
          on conflict (path, tenant) where path is not null do update set next = c.next + 1
          returning c.key, c.next - 1 into in_conversation, in_place;
        if entry ? 'place' and not exists (
          select from crewline_memory m where m.conversation = in_conversation and m.place = (entry->>'place')::int and m.tenant = in_tenant
        ) then
          update crewline_memory_conversation c set next = greatest(in_place, (entry->>'place')::int + 1)
            where c.key = in_conversation and c.tenant = in_tenant;
          in_place := (entry->>'place')::int;
        end if;
        update crewline_memory_scope s set talks = true where s.key = stored_scope and not s.talks and s.tenant = in_tenant;
      end if;

      in_terms := array(select jsonb_object_keys(entry->'terms'));
      insert into crewline_memory (
        tenant, id, scope, kind, origin, trust, subject, identity, holds_for, conversation, place, length, stored_at, ends_at,
        superseded_by, said_at, importance, names, corroborations, pinned, quarantined, source, given_key, relates, terms, mentions, body
      ) values (
        in_tenant, entry->>'id', stored_scope, (entry->>'kind')::smallint, (entry->>'origin')::smallint, (entry->>'trust')::smallint,
        entry->>'subject', entry->>'identity', entry->>'holdsFor', in_conversation, in_place, (entry->>'length')::int,
        (entry->>'storedAt')::bigint, (entry->>'endsAt')::bigint, entry->>'supersededBy', (entry->>'saidAt')::bigint,
        (entry->>'importance')::float8,
        case when entry ? 'names' then array(select n.value from jsonb_array_elements_text(entry->'names') n) end,
        coalesce((entry->>'corroborations')::int, 0), (entry->>'pinned')::boolean, (entry->>'quarantined')::boolean,
        entry->>'source', entry->>'key', entry ? 'relates', in_terms, entry->>'mentions', entry->>'body'
      ) returning key into stored_key;
      insert into crewline_memory_term (scope, term, memory, tenant, weight)
        select stored_scope, t.key, stored_key, in_tenant, t.value::float8 from jsonb_each_text(entry->'terms') t;
      if entry ? 'keyPath' then
        insert into crewline_memory_key (path, tenant, memory) values (entry->>'keyPath', in_tenant, entry->>'id')
          on conflict (path, tenant) do update set memory = excluded.memory;
      end if;
      if not entry ? 'endsAt' and not (entry->>'quarantined')::boolean then
        tenants := tenants || in_tenant; scopes := scopes || stored_scope;
        classes := classes || (5 * (entry->>'kind')::int + (entry->>'trust')::int);
        documents := documents || 1; lengths := lengths || (entry->>'length')::int;
      end if;
      receipts := receipts || jsonb_build_array(jsonb_build_array('stored', entry->>'id', old_id));
    end loop;
    return next;
  end loop;

  for in_tenant in select distinct t.name from unnest(tenants || counted) t (name) order by 1 loop
    perform set_config('crewline.tenant', in_tenant, true);
    perform crewline_memory_count_classes(
      in_tenant,
      array(select d.scope from unnest(tenants, scopes) with ordinality d (tenant, scope, at) where d.tenant = in_tenant order by d.at),
      array(select d.class from unnest(tenants, classes) with ordinality d (tenant, class, at) where d.tenant = in_tenant order by d.at),
      array(select d.documents from unnest(tenants, documents) with ordinality d (tenant, documents, at) where d.tenant = in_tenant order by d.at),
      array(select d.length from unnest(tenants, lengths) with ordinality d (tenant, length, at) where d.tenant = in_tenant order by d.at)
    );
    insert into crewline_memory_count as c (reason, tenant, number)
      select d.reason, in_tenant, sum(d.number)
      from unnest(counted, reasons, numbers) d (tenant, reason, number)
      where d.tenant = in_tenant group by d.reason having sum(d.number) <> 0 order by d.reason
      on conflict (reason, tenant) do update set number = c.number + excluded.number;
  end loop;
end $$;
