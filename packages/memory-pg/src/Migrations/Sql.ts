// Generated from the .sql files beside it by `npm run generate`: edit those.

const eventLogAllTenants = `create function crewline_adopt(in_owner text, in_lease_millis double precision, in_limit int, in_ids jsonb)
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
create function crewline_disown(in_owner text) returns void
language sql security definer set search_path from current set enable_seqscan = off set jit = off as $$
  update crewline_execution set owner = null, lease_until = null
  where ended_at is null and owner is not null and (in_owner is null or owner = in_owner)
$$;
create function crewline_positions(in_executions jsonb)
returns table (tenant text, execution_id text, last_seq int, ended boolean)
language sql stable security definer set search_path from current set enable_seqscan = off set jit = off as $$
  select e.tenant, e.id, e.last_seq, e.ended_at is not null
  from jsonb_array_elements(in_executions) i
  cross join lateral (
    select * from crewline_execution x where x.id = i.value->>1 and x.tenant = i.value->>0 limit 1
  ) e
$$;
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
create function crewline_settle_outbox(in_rows jsonb) returns void
language plpgsql security definer set search_path from current set enable_seqscan = off set jit = off as $$
declare
  item jsonb;
  found_key bigint;
begin
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
  insert into crewline_feed_expiry as f (tenant, place, execution, seq)
    select distinct on (p.tenant) p.tenant, p.place, p.key, p.last_seq from unnest(pruned) p
    order by p.tenant, p.place desc, p.key desc
    on conflict (tenant) do update set place = excluded.place, execution = excluded.execution, seq = excluded.seq
      where (excluded.place, excluded.execution, excluded.seq) > (f.place, f.execution, f.seq);
end $$;
`

const eventLogAppend = `create function crewline_append(batch jsonb, in_wait boolean)
returns table (outcome text, first_seq int, last_seq int, version int, at timestamptz, task_id text)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_variable
declare
  item jsonb;
  in_tenant text;
  held bigint[] := '{}';
  x crewline_execution;
  found_key bigint;
  guard record;
  known boolean;
  now_at timestamptz;
  given int;
  stored int;
  opened int;
  own_place constant bigint := crewline_place();
begin
  for item in
    select distinct jsonb_build_array(i.value->>'tenant', i.value->>'execution') from jsonb_array_elements(batch) i order by 1
  loop
    if in_tenant is distinct from item->>0 then
      in_tenant := item->>0;
      perform set_config('crewline.tenant', in_tenant, true);
    end if;
    found_key := null;
    if in_wait then
      select e.key into found_key from crewline_execution e
        where e.id = item->>1 and e.tenant = in_tenant for no key update;
    else
      select e.key into found_key from crewline_execution e
        where e.id = item->>1 and e.tenant = in_tenant for no key update skip locked;
    end if;
    if found_key is not null then held := held || found_key; end if;
  end loop;
  for item in select i.value from jsonb_array_elements(batch) with ordinality i order by i.ordinality loop
    if in_tenant is distinct from item->>'tenant' then
      in_tenant := item->>'tenant';
      perform set_config('crewline.tenant', in_tenant, true);
    end if;
    outcome := null; first_seq := null; last_seq := null; version := null; at := null; task_id := null;
    select * into x from crewline_execution e where e.id = item->>'execution' and e.tenant = in_tenant;
    if not found or x.key <> all (held) then
      outcome := case when found then 'busy' else 'unknown' end;
      return next;
      continue;
    end if;
    if item ? 'settled' then perform crewline_settle(x.key, in_tenant, item->'settled'); end if;
    known := false;
    stored := -1;
    loop
      now_at := greatest(x.last_at, date_trunc('milliseconds', clock_timestamp()));
      first_seq := x.last_seq + 1;
      given := jsonb_array_length(item->'events');
      if not known and (x.ended_at is not null or item ? 'flaw' or (item->>'expectVersion')::int <> x.version) then
        stored := -1;
      else
        insert into crewline_event
          (execution, seq, tenant, type, task_id, run, turn, at, append_first, append_last, append_version, place, nonce,
           body, payload, payload_sha256, payload_size, payload_excerpt)
          select x.key, x.last_seq + d.ordinality, in_tenant, d.type, d.task_id, d.run, d.turn, now_at,
            first_seq, x.last_seq + given, x.version + (item->>'structural')::int, greatest(x.place, own_place),
            case when d.ordinality = 1 then item->>'nonce' end,
            d.body, d.payload, d.sha256, d.size, d.excerpt
          from rows from (
            jsonb_to_recordset(item->'events') as
              (type text, task_id text, run int, turn int, body text, payload text, sha256 text, size int, excerpt text)
          ) with ordinality as d (type, task_id, run, turn, body, payload, sha256, size, excerpt, ordinality)
          on conflict do nothing;
        get diagnostics stored = row_count;
      end if;
      exit when stored = given;
      if stored > 0 then delete from crewline_event e where e.execution = x.key and e.seq >= first_seq; end if;
      if known then raise exception 'an append of execution % meets no guard and is not stored', x.id; end if;
      select * into guard from crewline_guard(x, item);
      exit when guard.outcome is not null;
      item := guard.remaining;
      known := true;
    end loop;
    if stored <> given then
      outcome := guard.outcome; first_seq := guard.first_seq; last_seq := guard.last_seq; version := guard.version;
      task_id := guard.task_id;
      return next;
      continue;
    end if;
    last_seq := x.last_seq + given;
    version := x.version + (item->>'structural')::int;
    if item ? 'blobs' then
      insert into crewline_blob (execution, seq, tenant, content)
        select x.key, e.seq, in_tenant, b.value
        from jsonb_each_text(item->'blobs') b
        join crewline_event e on e.execution = x.key and e.seq >= first_seq and e.payload_sha256 = b.key;
    end if;
    opened := 0;
    if item ? 'notes' then opened := crewline_note(x.key, in_tenant, first_seq, item->'events', now_at); end if;
    update crewline_execution e set
      last_seq = crewline_append.last_seq,
      version = crewline_append.version,
      last_at = now_at,
      status = coalesce(item->>'status', e.status),
      ended_at = case when item ? 'ends' then now_at end,
      owner = case when item ? 'ends' then null else e.owner end,
      open_asks = e.open_asks + opened,
      place = greatest(e.place, own_place)
      where e.key = x.key;
    outcome := 'stored'; at := now_at;
    return next;
  end loop;
end $$;
`

const eventLogAsked = `create function crewline_asked(in_tenant text, in_asks crewline_ask[]) returns table (
  execution_id text, state text, id text, asked_seq int, asked_at timestamptz, asked text, asked_payload text,
  closed_at timestamptz, answer text, answer_payload text
)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if in_asks is null then
    return query select null::text, null::text, null::text, null::int, null::timestamptz, null::text, null::text,
      null::timestamptz, null::text, null::text;
    return;
  end if;
  return query select x.id, a.state, a.id, a.asked_seq, q.at,
      case when a.is_first then q.body end,
      case
        when not a.is_first then null
        when q.payload_sha256 is null then q.payload
        else (select b.content from crewline_blob b where b.execution = a.execution and b.seq = a.asked_seq)
      end,
      c.at,
      case when a.state = 'answered' then c.body end,
      case
        when a.state <> 'answered' then null
        when c.payload_sha256 is null then c.payload
        else (select b.content from crewline_blob b where b.execution = a.execution and b.seq = a.closed_seq)
      end
    from (
      select u.*, row_number() over (partition by u.execution, u.asked_seq order by u.key) = 1 as is_first from unnest(in_asks) u
    ) a
    cross join lateral (
      select e.id from crewline_execution e where e.key = a.execution and e.tenant = in_tenant limit 1
    ) x
    cross join lateral (
      select e.at, e.body, e.payload, e.payload_sha256 from crewline_event e
      where e.execution = a.execution and e.seq = a.asked_seq and e.tenant = in_tenant limit 1
    ) q
    left join lateral (
      select e.at, e.body, e.payload, e.payload_sha256 from crewline_event e
      where e.execution = a.execution and e.seq = a.closed_seq and e.tenant = in_tenant limit 1
    ) c on true
    order by a.key;
end $$;
`

const eventLogBury = `create function crewline_bury(x crewline_execution) returns void
language sql set enable_seqscan = off set jit = off as $$
  delete from crewline_ask a where a.execution = x.key;
  delete from crewline_origin o where o.execution = x.key;
  delete from crewline_outbox o where o.execution = x.key;
  delete from crewline_blob b where b.execution = x.key;
  delete from crewline_view v where v.execution = x.key;
  delete from crewline_event e where e.execution = x.key;
  delete from crewline_execution e where e.key = x.key;
  insert into crewline_gone (tenant, id, key, ended_at, gone_at) values (x.tenant, x.id, x.key, x.ended_at, clock_timestamp())
    on conflict (tenant, id) do update set key = excluded.key, ended_at = excluded.ended_at, gone_at = excluded.gone_at
$$;
`

const eventLogFeed = `create function crewline_feed_page(
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
  if in_place > complete then state := 'ahead'; return next; return; end if;
  if in_place > 0 and exists (
    select from crewline_feed_expiry f
    where f.tenant = in_tenant and (in_place, in_execution, in_seq) < (f.place, f.execution, f.seq)
  ) then
    state := 'expired'; return next; return;
  end if;
  for part in
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
`

const eventLogFindAsk = `create function crewline_find_ask(in_tenant text, in_id text, in_ask text) returns crewline_ask[]
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
  if not found then return null; end if;
  return array(select a from crewline_ask a where a.execution = x.key and a.id = in_ask and a.tenant = in_tenant);
end $$;
`

const eventLogFindAsks = `create function crewline_find_asks(
  in_tenant text, in_execution text, in_states jsonb, in_after_execution text, in_after_id text, in_limit int
) returns crewline_ask[]
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  one bigint;
  after bigint := 0;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if in_after_id is not null then
    select e.key into one from crewline_execution e where e.id = in_after_execution and e.tenant = in_tenant;
    select a.key into after from crewline_ask a where a.execution = one and a.id = in_after_id and a.tenant = in_tenant;
    if not found then return null; end if;
  end if;
  if in_execution is null then
    return array(
      select l.a from jsonb_array_elements_text(in_states) s
      cross join lateral (
        select a from crewline_ask a
        where a.tenant collate "C" = in_tenant and a.state collate "C" = s.value and greatest(a.key, 0) > after
        order by greatest(a.key, 0) limit in_limit
      ) l
      order by (l.a).key limit in_limit
    );
  end if;
  select e.key into one from crewline_execution e where e.id = in_execution and e.tenant = in_tenant;
  return array(
    select l.a from jsonb_array_elements_text(in_states) s
    cross join lateral (
      select a from crewline_ask a
      where a.listed = one and a.tenant = in_tenant and a.state = s.value and a.key > after
      order by a.key limit in_limit
    ) l
    order by (l.a).key limit in_limit
  );
end $$;
`

const eventLogGuard = `create function crewline_guard(x crewline_execution, item jsonb) returns table (
  outcome text, first_seq int, last_seq int, version int, task_id text, remaining jsonb
)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_variable
declare
  earlier crewline_event;
  turn jsonb;
  settled text;
  known crewline_event[] := '{}';
  given int;
begin
  if item ? 'nonce' then
    select * into earlier from crewline_event e where e.guarded = x.key and e.nonce = item->>'nonce';
    if found then
      return query select 'repeated', earlier.append_first, earlier.append_last, earlier.append_version, null::text, null::jsonb;
      return;
    end if;
  end if;
  if item ? 'turns' then
    for turn in select t.value from jsonb_array_elements(item->'turns') t loop
      select * into earlier from crewline_event e
        where e.guarded = x.key and e.task_id = turn->>'task_id' and e.run = (turn->>'run')::int
          and e.turn = (turn->>'turn')::int and e.type = 'TurnCompleted';
      if found then known := known || earlier; end if;
    end loop;
    if cardinality(known) = jsonb_array_length(item->'turns') and (item->>'structural')::int = 0 then
      earlier := known[1];
      given := jsonb_array_length(item->'events');
      if given in (cardinality(known), earlier.append_last - earlier.append_first + 1) then
        return query select 'repeated', earlier.append_first, earlier.append_last, earlier.append_version, null::text, null::jsonb;
        return;
      end if;
    end if;
  end if;
  if x.ended_at is not null then
    return query select 'ended', null::int, null::int, null::int, null::text, null::jsonb;
    return;
  end if;
  if (item->>'expectVersion')::int <> x.version then
    return query select 'conflict', null::int, x.last_seq, x.version, null::text, null::jsonb;
    return;
  end if;
  if item ? 'settles' then
    for settled in select t.value from jsonb_array_elements_text(item->'settles') t loop
      perform from crewline_event e
        where e.guarded = x.key and e.task_id = settled
          and e.type in ('TaskCompleted', 'TaskFailed', 'TaskSkipped', 'TaskCancelled');
      if found then
        return query select 'settled', null::int, null::int, null::int, settled, null::jsonb;
        return;
      end if;
    end loop;
  end if;
  if item ? 'flaw' then
    return query select item->'flaw'->>'outcome', null::int, null::int, null::int, item->'flaw'->>'task_id', null::jsonb;
    return;
  end if;
  return query select null::text, null::int, null::int, null::int, null::text, jsonb_set(item, '{events}', coalesce((
    select jsonb_agg(d.value order by d.ordinality)
    from jsonb_array_elements(item->'events') with ordinality d
    where d.value->>'type' <> 'TurnCompleted' or not exists (
      select from unnest(known) k
      where k.task_id = d.value->>'task_id' and k.run = (d.value->>'run')::int and k.turn = (d.value->>'turn')::int
    )
  ), '[]'));
end $$;
`

const eventLogIsGone = `create function crewline_is_gone(in_tenant text, in_id text) returns boolean
language plpgsql set enable_seqscan = off set jit = off as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return exists (select from crewline_gone g where g.tenant = in_tenant and g.id = in_id);
end $$;
`

const eventLogKeepView = `create function crewline_keep_view(in_tenant text, in_id text, in_format int, in_parts jsonb) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant for key share;
  if not found or x.ended_at is null then return; end if;
  delete from crewline_view v where v.execution = x.key and v.format <> in_format;
  insert into crewline_view (execution, place, tenant, format, lengths, content)
    select x.key, (p.value->>0)::int, in_tenant, in_format,
      case when p.value->1 <> 'null' then array(select l.value::int from jsonb_array_elements_text(p.value->1) l) end, p.value->>2
    from jsonb_array_elements(in_parts) p
    on conflict do nothing;
end $$;
`

const eventLogListOutbox = `create function crewline_list_outbox(
  in_tenant text, in_states jsonb, in_after_at timestamptz, in_after_execution text, in_after_seq int, in_after_part int, in_limit int
) returns table (
  execution_id text, seq int, part int, consumer text, state text, attempts int, at timestamptz, due_at timestamptz, error text
)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  after_key bigint;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if in_after_execution is not null then
    select e.key into after_key from crewline_execution e where e.id = in_after_execution and e.tenant = in_tenant;
    if not found then
      select g.key into after_key from crewline_gone g where g.tenant = in_tenant and g.id = in_after_execution;
    end if;
  end if;
  return query
    select x.id, l.seq, l.part, l.consumer, l.state, l.attempts, l.at, l.due_at, l.error
    from (
      select r.* from jsonb_array_elements_text(in_states) s
      cross join lateral (
        select o.* from crewline_outbox o
        where o.tenant collate "C" = in_tenant and o.state = s.value
          and (greatest(o.at, '-infinity'), greatest(o.execution, 0), greatest(o.seq, 0), greatest(o.part, 0))
            > (coalesce(in_after_at, '-infinity'), coalesce(after_key, 0), coalesce(in_after_seq, 0), coalesce(in_after_part, 0))
        order by greatest(o.at, '-infinity'), greatest(o.execution, 0), greatest(o.seq, 0), greatest(o.part, 0) limit in_limit
      ) r
      order by r.at, r.execution, r.seq, r.part limit in_limit
    ) l
    cross join lateral (
      select e.id from crewline_execution e where e.key = l.execution and e.tenant = in_tenant limit 1
    ) x
    order by l.at, l.execution, l.seq, l.part;
end $$;
`

const eventLogList = `create function crewline_list(
  in_tenant text, in_statuses jsonb, in_crew_id text, in_crew_name text, in_before text, in_limit int
) returns table (
  id text, crew_name text, crew_id text, status text, started_at timestamptz, ended_at timestamptz, last_seq int, version int,
  asking boolean
)
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set jit = off set enable_bitmapscan = off set enable_sort = off as $$
#variable_conflict use_column
declare
  before_key bigint := 9223372036854775807;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if in_before is not null then
    select e.key into before_key from crewline_execution e where e.id = in_before and e.tenant = in_tenant;
    if not found then
      select g.key into before_key from crewline_gone g where g.tenant = in_tenant and g.id = in_before;
    end if;
    if not found then
      return query select null::text, null::text, null::text, null::text, null::timestamptz, null::timestamptz, null::int, null::int,
        null::boolean;
      return;
    end if;
  end if;
  return query select e.id, e.crew_name, e.crew_id, e.status, e.started_at, e.ended_at, e.last_seq, e.version,
      e.open_asks > 0 and e.ended_at is null
    from crewline_execution e
    where e.tenant collate "C" = in_tenant
      and e.listed < before_key
      and (in_statuses is null or e.status = any (array(select jsonb_array_elements_text(in_statuses)))
        or e.status = 'running' and e.open_asks > 0 and in_statuses ? 'waiting')
      and (in_crew_id is null or e.crew_id = in_crew_id)
      and (in_crew_name is null or e.crew_name = in_crew_name)
    order by e.listed desc limit in_limit;
end $$;
`

const eventLogNamed = `create function crewline_named(in_tenant text, in_id text, in_kind text, in_names jsonb)
returns table (body text, payload text)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
  if not found then return; end if;
  return query select null::text, null::text;
  return query select e.body,
      case
        when e.payload_sha256 is null then e.payload
        else (select b.content from crewline_blob b where b.execution = x.key and b.seq = n.seq)
      end
    from (
      select distinct o.seq from (select distinct value as name from jsonb_array_elements_text(in_names)) i
      cross join lateral (
        select w.seq from crewline_origin w
        where w.execution = x.key and w.kind = in_kind and w.name = i.name and w.tenant = in_tenant
        limit 1
      ) o
    ) n
    cross join lateral (
      select v.body, v.payload, v.payload_sha256 from crewline_event v
      where v.execution = x.key and v.seq = n.seq and v.tenant = in_tenant
      limit 1
    ) e
    order by n.seq;
end $$;
`

const eventLogNote = `create function crewline_note(in_execution bigint, in_tenant text, in_first_seq int, in_events jsonb, in_at timestamptz) returns int
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  event jsonb;
  seq_now int;
  ended text;
  changed int;
  opened int := 0;
begin
  for event, seq_now in
    select d.value, in_first_seq + d.ordinality - 1 from jsonb_array_elements(in_events) with ordinality d
    where d.value ?| array['asks', 'ends', 'brings', 'follows'] order by d.ordinality
  loop
    if event ? 'asks' then
      insert into crewline_ask (execution, id, tenant, asked_seq)
        select in_execution, a.value, in_tenant, seq_now
        from jsonb_array_elements_text(event->'asks') with ordinality a order by a.ordinality
        on conflict do nothing;
      get diagnostics changed = row_count;
      opened := opened + changed;
    end if;
    if event ? 'ends' then
      for ended in select e.value from jsonb_array_elements_text(event->'ends') e loop
        update crewline_ask a set
          state = case when event->>'type' = 'AskAnswered' then 'answered' else 'closed' end,
          closed_seq = seq_now
          where a.execution = in_execution and a.id = ended and a.tenant = in_tenant and a.closed_seq is null;
        if found then opened := opened - 1; end if;
      end loop;
    end if;
    if event ? 'brings' then
      insert into crewline_origin (execution, kind, name, tenant, seq)
        select in_execution, case when event->>'type' = 'SignalReceived' then 'signal' else 'task' end, b.value, in_tenant, seq_now
        from jsonb_array_elements_text(event->'brings') b
        on conflict do nothing;
    end if;
    if event ? 'follows' then
      insert into crewline_outbox (execution, seq, part, tenant, consumer, at, due_at)
        select in_execution, seq_now, (f.value->>0)::int, in_tenant, f.value->>1, in_at,
          clock_timestamp() + (f.value->>2)::float8 * interval '1 millisecond'
        from jsonb_array_elements(event->'follows') f
        on conflict do nothing;
    end if;
  end loop;
  return opened;
end $$;
`

const eventLogOutputs = `create function crewline_outputs(in_tenant text, in_id text, in_tasks jsonb)
returns table (task_id text, payload text)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
  if not found then return; end if;
  return query select null::text, null::text;
  return query select t.id,
      case
        when e.payload_sha256 is null then e.payload
        else (select b.content from crewline_blob b where b.execution = e.execution and b.seq = e.seq)
      end
    from (select distinct value as id from jsonb_array_elements_text(in_tasks)) t
    cross join lateral (
      select o.execution, o.seq, o.payload, o.payload_sha256 from crewline_event o
      where o.guarded = x.key and o.task_id = t.id
        and o.type in ('TaskCompleted', 'TaskFailed', 'TaskSkipped', 'TaskCancelled') and o.type = 'TaskCompleted'
        and o.tenant = in_tenant
      limit 1
    ) e;
end $$;
`

const eventLogPlace = `create sequence crewline_place_sequence start 2;
select setval('crewline_place_sequence', 1);
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
`

const eventLogRead = `create function crewline_read(
  in_tenant text, in_id text, in_after int, in_limit int, in_task text, in_payloads boolean
) returns table (seq int, at timestamptz, body text, payload text)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  x crewline_execution;
  last int;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
  if not found then return; end if;
  return query select 0, x.last_at, null::text, null::text;
  last := x.last_seq;
  if in_task is not null then
    return query select e.seq, e.at, e.body,
        case
          when not in_payloads then null
          when e.payload_sha256 is null then e.payload
          else (select b.content from crewline_blob b where b.execution = e.execution and b.seq = e.seq)
        end
      from crewline_event e
      where greatest(e.execution, 0) = x.key and e.task_id collate "C" = in_task and greatest(e.seq, 0) > in_after
        and coalesce(e.task_id, '') <> '' and e.tenant = in_tenant
      order by greatest(e.seq, 0) limit in_limit;
    return;
  end if;
  if in_limit < x.last_seq - in_after then last := in_after + in_limit; end if;
  return query select e.seq, e.at, e.body,
      case
        when not in_payloads then null
        when e.payload_sha256 is null then e.payload
        else (select b.content from crewline_blob b where b.execution = e.execution and b.seq = e.seq)
      end
    from crewline_event e
    where e.execution = x.key and e.tenant = in_tenant and e.seq > in_after and e.seq <= last
    order by e.seq limit in_limit;
end $$;
`

const eventLogRemove = `create function crewline_remove(in_tenant text, in_id text) returns text
language plpgsql set enable_seqscan = off set jit = off as $$
declare
  x crewline_execution;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant for update;
  if not found then return 'missing'; end if;
  if x.ended_at is null then return 'running'; end if;
  perform crewline_bury(x);
  return 'removed';
end $$;
`

const eventLogRetryOutbox = `create function crewline_retry_outbox(in_tenant text, in_at timestamptz, in_execution text, in_seq int, in_part int) returns table (
  execution_id text, seq int, part int, consumer text, state text, attempts int, at timestamptz, due_at timestamptz, error text
)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  one bigint;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select e.key into one from crewline_execution e where e.id = in_execution and e.tenant = in_tenant;
  update crewline_outbox o set due_at = clock_timestamp(), attempts = 0
    where o.execution = one and o.seq = in_seq and o.part = in_part and o.tenant = in_tenant and o.at = in_at and o.due_at is null;
  return query
    select in_execution, o.seq, o.part, o.consumer, o.state, o.attempts, o.at, o.due_at, o.error from crewline_outbox o
    where o.execution = one and o.seq = in_seq and o.part = in_part and o.tenant = in_tenant and o.at = in_at;
end $$;
`

const eventLogSettle = `create function crewline_settle(in_execution bigint, in_tenant text, in_rows jsonb) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  place jsonb;
begin
  for place in select r.value from jsonb_array_elements(in_rows) r loop
    perform from crewline_outbox o
      where o.execution = in_execution and o.seq = (place->>0)::int and o.part = (place->>1)::int and o.tenant = in_tenant
      for update skip locked;
    if found then
      delete from crewline_outbox o
        where o.execution = in_execution and o.seq = (place->>0)::int and o.part = (place->>1)::int and o.tenant = in_tenant;
    end if;
  end loop;
end $$;
`

const eventLogStart = `create function crewline_start(batch jsonb) returns table (place bigint, outcome text, execution_id text, at timestamptz)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_variable
declare
  item jsonb;
  in_tenant text;
  in_id text;
  in_key text;
  in_hash text;
  in_owner text;
  new_key bigint;
  in_limit int;
  found_hash text;
  own_place constant bigint := crewline_place();
begin
  for item, place in
    select i.value, i.ordinality from jsonb_array_elements(batch) with ordinality i
    order by (i.value->>'tenant') collate "C", (i.value->>'key') collate "C", i.ordinality
  loop
    in_tenant := item->>'tenant';
    in_id := item->>'execution';
    in_key := item->>'key';
    in_hash := item->>'hash';
    in_owner := item->>'owner';
    in_limit := item->>'maxUnfinished';
    perform set_config('crewline.tenant', in_tenant, true);
    if in_limit is not null then
      perform pg_advisory_xact_lock(hashtextextended('crewline_start ' || in_tenant, 0));
      if in_limit <= (
        select count(*) from (
          select from crewline_execution e
          where coalesce(e.ended_at, 'infinity') = 'infinity' and e.tenant collate "POSIX" = in_tenant limit in_limit
        ) unfinished
      ) and not exists (
        select from crewline_execution e where e.idempotency_key = in_key and e.tenant = in_tenant
      ) and not exists (
        select from crewline_execution e where e.id = in_id and e.tenant = in_tenant
      ) then
        outcome := 'full'; execution_id := in_id; at := clock_timestamp();
        return next;
        continue;
      end if;
    end if;
    loop
      at := date_trunc('milliseconds', clock_timestamp());
      insert into crewline_execution as e
        (tenant, id, crew_name, crew_id, last_seq, version, last_at, started_at, idempotency_key, request_hash, owner, lease_until, place)
        values (in_tenant, in_id, item->>'crewName', item->>'crewId', 1, 1, at, at, in_key, in_hash,
          in_owner, case when in_owner is not null then at + (item->>'leaseMillis')::float8 * interval '1 millisecond' end, own_place)
        on conflict do nothing
        returning e.key into new_key;
      if new_key is not null then
        insert into crewline_event (execution, seq, tenant, type, at, append_first, append_last, append_version, place, body)
          values (new_key, 1, in_tenant, 'ExecutionStarted', at, 1, 1, 1, own_place, item->>'body');
        outcome := 'started'; execution_id := in_id;
        exit;
      end if;
      select e.id, e.request_hash, e.started_at into execution_id, found_hash, at
        from crewline_execution e where e.idempotency_key = in_key and e.tenant = in_tenant;
      if not found then
        select e.id, in_hash, e.started_at into execution_id, found_hash, at
          from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
        continue when not found;
      end if;
      outcome := case when found_hash is not distinct from in_hash then 'existing' else 'reused' end;
      exit;
    end loop;
    return next;
  end loop;
end $$;
`

const eventLogSummary = `create function crewline_summary(in_tenant text, in_id text) returns table (
  id text, crew_name text, crew_id text, status text, started_at timestamptz, ended_at timestamptz, last_seq int, version int,
  asking boolean
)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return query select e.id, e.crew_name, e.crew_id, e.status, e.started_at, e.ended_at, e.last_seq, e.version,
      e.open_asks > 0 and e.ended_at is null
    from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
end $$;
`

const eventLogView = `create function crewline_read_view(in_tenant text, in_id text, in_format int, in_from int, in_to int) returns table (
  id text, crew_name text, crew_id text, status text, started_at timestamptz, ended_at timestamptz, last_seq int, version int,
  asking boolean, place int, lengths int[], content text
)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  x crewline_execution;
  head text;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into x from crewline_execution e where e.id = in_id and e.tenant = in_tenant;
  if not found then return; end if;
  if x.ended_at is not null then
    select v.content into head from crewline_view v
      where v.execution = x.key and v.place = -1 and v.tenant = in_tenant and v.format = in_format;
  end if;
  return query select x.id, x.crew_name, x.crew_id, x.status, x.started_at, x.ended_at, x.last_seq, x.version,
    x.open_asks > 0 and x.ended_at is null, null::int, null::int[], head;
  if head is null then return; end if;
  return query select null::text, null::text, null::text, null::text, null::timestamptz, null::timestamptz, null::int, null::int,
      null::boolean, v.place, v.lengths, v.content
    from crewline_view v
    where v.execution = x.key and v.place >= greatest(in_from - 255, 0) and v.place < in_to
      and v.place + cardinality(v.lengths) > in_from and v.tenant = in_tenant and v.format = in_format
    order by v.place;
end $$;
`

export const confine: string = `do $$
declare
  item record;
begin
  if not has_schema_privilege('crewline_app', current_schema(), 'usage') then
    execute format('grant usage on schema %I to crewline_app', current_schema());
  end if;
  for item in
    select c.oid::regclass as name, c.relrowsecurity as is_secured,
      exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped) as has_tenant,
      exists (select from pg_policy p where p.polrelid = c.oid) as has_policy,
      has_table_privilege('crewline_app', c.oid, 'select') as is_granted
    from pg_class c
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and c.relname like 'crewline\\_%'
  loop
    if item.has_tenant and not item.is_secured then
      execute format('alter table %s enable row level security', item.name);
    end if;
    if item.has_tenant and not item.has_policy then
      execute format(
        'create policy crewline_tenant on %s using (tenant = (select current_setting(''crewline.tenant'', true)))', item.name
      );
    end if;
    if not item.is_granted then
      execute format(
        'grant %s on %s to crewline_app', case when item.has_tenant then 'select, insert, update, delete' else 'select' end, item.name
      );
    end if;
  end loop;
  for item in
    select c.oid::regclass as name from pg_class c
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'S' and c.relname like 'crewline\\_%\\_sequence'
      and not has_sequence_privilege('crewline_app', c.oid, 'usage, select')
  loop
    execute format('grant usage, select on sequence %s to crewline_app', item.name);
  end loop;
  for item in
    select p.oid::regprocedure as name from pg_proc p
    where p.pronamespace = current_schema()::regnamespace and p.prosecdef and p.proname like 'crewline\\_%'
      and (p.proacl is null or not has_function_privilege('crewline_app', p.oid, 'execute'))
  loop
    execute format('revoke execute on function %s from public', item.name);
    execute format('grant execute on function %s to crewline_app', item.name);
  end loop;
  for item in
    select p.oid::regprocedure as name from pg_proc p
    where p.pronamespace = current_schema()::regnamespace and p.prosecdef and p.proname like 'crewline\\_%'
      and not coalesce(p.proconfig, '{}') @> array[format('search_path=%I, pg_temp', current_schema())]
  loop
    execute format('alter function %s set search_path = %I, pg_temp', item.name, current_schema());
  end loop;
end $$
`

export const eventLog: string = `${eventLogPlace}create table crewline_execution (
  key bigint generated always as identity primary key,
  listed bigint generated always as (key) stored,
  tenant text not null,
  id text not null,
  crew_name text not null,
  crew_id text,
  status text not null default 'pending' check (
    status in ('pending', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled')
  ),
  last_seq int not null,
  version int not null,
  last_at timestamptz not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  idempotency_key text,
  request_hash text,
  owner text,
  leased_at timestamptz,
  lease_until timestamptz,
  open_asks int not null default 0,
  place bigint not null default crewline_place()
) with (fillfactor = 70);
create unique index crewline_execution_id on crewline_execution (id, tenant) where id is not null;
create unique index crewline_execution_idempotency on crewline_execution (idempotency_key, tenant)
  where idempotency_key is not null;
create index crewline_execution_listing on crewline_execution (tenant collate "C", listed);
create index crewline_execution_open on crewline_execution (key) where ended_at is null;
create index crewline_execution_unfinished on crewline_execution (tenant collate "POSIX") where coalesce(ended_at, 'infinity') = 'infinity';
create index crewline_execution_ended on crewline_execution (ended_at) where ended_at is not null;
create table crewline_event (
  execution bigint not null,
  guarded bigint generated always as (execution) stored,
  seq int not null,
  tenant text not null,
  type text not null,
  task_id text,
  run int,
  turn int,
  at timestamptz not null,
  append_first int not null,
  append_last int not null,
  append_version int not null,
  place bigint not null default crewline_place(),
  nonce text,
  body text not null,
  payload text,
  payload_sha256 text,
  payload_size int,
  payload_excerpt text,
  primary key (execution, seq)
);
create index crewline_event_task on crewline_event (greatest(execution, 0), task_id collate "C", greatest(seq, 0))
  where coalesce(task_id, '') <> '';
create unique index crewline_event_turn on crewline_event (guarded, task_id, run, turn) where type = 'TurnCompleted';
create unique index crewline_event_outcome on crewline_event (guarded, task_id)
  where type in ('TaskCompleted', 'TaskFailed', 'TaskSkipped', 'TaskCancelled');
create unique index crewline_event_nonce on crewline_event (guarded, nonce) where nonce is not null;
create index crewline_event_feed on crewline_event (tenant collate "C", place, execution, seq) where seq = append_first;
create table crewline_feed_expiry (
  tenant text primary key,
  place bigint not null,
  execution bigint not null,
  seq int not null
);
create table crewline_blob (
  execution bigint not null,
  seq int not null,
  tenant text not null,
  content text not null,
  primary key (execution, seq)
);
create table crewline_view (
  execution bigint not null,
  place int not null,
  tenant text not null,
  format int not null,
  lengths int[],
  content text not null,
  primary key (execution, place)
);
create table crewline_ask (
  key bigint generated always as identity,
  execution bigint not null,
  listed bigint generated always as (execution) stored,
  id text not null,
  tenant text not null,
  state text not null default 'open' check (state in ('open', 'answered', 'closed')),
  asked_seq int not null,
  closed_seq int,
  primary key (execution, id)
);
create index crewline_ask_of_tenant on crewline_ask (tenant collate "C", state collate "C", greatest(key, 0));
create index crewline_ask_of_execution on crewline_ask (listed, state, key);
create table crewline_origin (
  execution bigint not null,
  kind text not null check (kind in ('signal', 'task')),
  name text not null,
  tenant text not null,
  seq int not null,
  primary key (execution, kind, name)
);
create table crewline_outbox (
  execution bigint not null,
  seq int not null,
  part int not null,
  tenant text not null,
  consumer text not null,
  at timestamptz not null,
  attempts int not null default 1,
  due_at timestamptz,
  state text not null generated always as (case when due_at is null then 'dead' else 'pending' end) stored,
  error text,
  primary key (execution, seq, part)
);
create index crewline_outbox_due on crewline_outbox (consumer, due_at) where due_at is not null;
create index crewline_outbox_of_tenant on crewline_outbox
  (tenant collate "C", state, greatest(at, '-infinity'), greatest(execution, 0), greatest(seq, 0), greatest(part, 0));
create table crewline_gone (
  tenant text not null,
  id text not null,
  key bigint not null,
  ended_at timestamptz not null,
  gone_at timestamptz not null,
  primary key (tenant, id)
);
create index crewline_gone_age on crewline_gone (gone_at);
${eventLogStart}${eventLogGuard}${eventLogNote}${eventLogSettle}${eventLogAppend}${eventLogRead}${eventLogFeed}${eventLogOutputs}${eventLogNamed}${eventLogFindAsk}${eventLogFindAsks}${eventLogAsked}${eventLogSummary}${eventLogView}${eventLogKeepView}${eventLogList}${eventLogListOutbox}${eventLogRetryOutbox}${eventLogIsGone}${eventLogBury}${eventLogRemove}${eventLogAllTenants}`

export const migrationRecords: string = `create table if not exists crewline_migration (
  component text not null,
  id int not null,
  name text not null,
  sha256 text not null,
  applied_at timestamptz not null default now(),
  primary key (component, id)
)
`

export const migrationsApplied: string = `select m.id, to_jsonb(m)->>'sha256' as sha256 from crewline_migration m where m.component = $1 order by m.id
`

export const role: string = `do $$
declare
  acting constant text := case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end;
begin
  if not exists (select from pg_roles where rolname = 'crewline_app') then create role crewline_app nologin; end if;
  if not pg_has_role(current_user, 'crewline_app', acting) then
    execute format('grant crewline_app to %I', current_user);
  end if;
exception when duplicate_object or unique_violation then
  if not pg_has_role(current_user, 'crewline_app', acting) then
    execute format('grant crewline_app to %I', current_user);
  end if;
end $$
`
