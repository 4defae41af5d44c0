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
create function crewline_end_feed_key() returns void
language sql security definer set search_path from current as $$
  update crewline_feed_key k set until = (select s.last_value from crewline_place_sequence s)
    where k.until is null and k.database <> (select d.oid::bigint from pg_database d where d.datname = current_database());
$$;
create function crewline_feed_keys(in_new text) returns table (key text, until text)
language plpgsql security definer set search_path from current as $$
begin
  if not exists (select from crewline_feed_key k where k.until is null) then
    insert into crewline_feed_key (key, database)
      select in_new, d.oid::bigint from pg_database d where d.datname = current_database()
      on conflict do nothing;
  end if;
  return query select k.key, k.until::text from crewline_feed_key k order by k.until nulls last;
end $$;
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

const memorySpacesAllTenants = `create function crewline_memory_open_space(in_name text, in_dimensions int) returns table (key int, dimensions int)
language plpgsql security definer set search_path from current as $$
#variable_conflict use_column
declare
  space crewline_memory_space;
  vectors text;
begin
  select * into space from crewline_memory_space s where s.name = in_name;
  if not found then
    perform pg_advisory_xact_lock(7239274513);
    insert into crewline_memory_space (name, dimensions) values (in_name, in_dimensions) on conflict do nothing returning * into space;
    if not found then
      select * into space from crewline_memory_space s where s.name = in_name;
    else
      vectors := 'crewline_memory_vector_' || space.key;
      execute format(
        'create table %I (
           memory bigint primary key references crewline_memory (key) on delete cascade,
           tenant text not null, scope bigint not null, content text not null, embedding vector(%s) not null
         )', vectors, in_dimensions);
      execute format('create index %I on %I (greatest(scope, 0))', vectors || '_scope', vectors);
      execute format('create index %I on %I (content, tenant) where content is not null', vectors || '_content', vectors);
      if in_dimensions <= 2000 then
        execute format('create index %I on %I using hnsw (embedding vector_cosine_ops)', vectors || '_near', vectors);
      elsif in_dimensions <= 4000 then
        execute format('create index %I on %I using hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops)', vectors || '_near', vectors, in_dimensions);
      end if;
      execute format('alter table %I enable row level security', vectors);
      execute format('create policy crewline_tenant on %I using (tenant = (select current_setting(''crewline.tenant'', true)))', vectors);
      execute format('grant select, insert, update, delete on %I to crewline_app', vectors);
    end if;
  end if;
  return query select space.key, space.dimensions;
end $$;
create function crewline_memory_unembedded(in_space int, in_after bigint, in_limit int, in_without jsonb)
returns table (key bigint, tenant text, id text)
language plpgsql stable security definer set search_path from current set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off set jit = off as $$
begin
  return query execute format(
    'select m.key, m.tenant, m.id from crewline_memory m
     where m.key > $1 and not $3 ? m.tenant and not exists (select from %I v where v.memory = m.key)
     order by m.key limit $2', 'crewline_memory_vector_' || in_space
  ) using in_after, in_limit, in_without;
end $$;
create function crewline_memory_filled(in_space int) returns table (memories bigint, vectors bigint)
language plpgsql stable security definer set search_path from current as $$
begin
  return query execute format(
    'select (select count(*) from crewline_memory), (select count(*) from %I)', 'crewline_memory_vector_' || in_space
  );
end $$;
create function crewline_memory_fill_space(in_space int) returns void
language sql security definer set search_path from current as $$
  update crewline_memory_space s set filled_at = clock_timestamp() where s.key = in_space;
$$;
create function crewline_memory_spaces() returns table (name text, dimensions int, filled boolean, vectors bigint)
language plpgsql stable security definer set search_path from current as $$
declare
  space record;
begin
  for space in select s.* from crewline_memory_space s order by s.key loop
    name := space.name;
    dimensions := space.dimensions;
    filled := space.filled_at is not null;
    execute format('select count(*) from %I', 'crewline_memory_vector_' || space.key) into vectors;
    return next;
  end loop;
end $$;
create function crewline_memory_drop_space(in_name text) returns boolean
language plpgsql security definer set search_path from current as $$
declare
  in_key int;
begin
  delete from crewline_memory_space s where s.name = in_name returning s.key into in_key;
  if in_key is null then return false; end if;
  execute format('drop table %I', 'crewline_memory_vector_' || in_key);
  return true;
end $$;
`

const memorySpacesNear = `create function crewline_memory_near(in_tenant text, query jsonb, in_space int, in_vector text)
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
`

const memorySpacesVectors = `create function crewline_memory_known_contents(in_tenant text, in_space int, in_contents jsonb) returns setof text
language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return query execute format(
    'select c.value from jsonb_array_elements_text($1) c
     where exists (select from %I v where v.content = c.value and v.tenant = $2)', 'crewline_memory_vector_' || in_space
  ) using in_contents, in_tenant;
end $$;
create function crewline_memory_embed(in_tenant text, in_space int, in_rows jsonb) returns int
language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  stored int;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  execute format(
    'insert into %1$I (memory, tenant, scope, content, embedding)
     select m.key, $1, m.scope, r.content, coalesce(
         r.embedding::vector,
         (select v.embedding from %1$I v where v.content = r.content and v.tenant = $1 limit 1)
       )
     from jsonb_to_recordset($2) r (id text, content text, embedding text)
     cross join lateral (
       select m.key, m.scope from crewline_memory m where m.id = r.id and m.tenant = $1 for key share
     ) m
     where r.embedding is not null or exists (select from %1$I v where v.content = r.content and v.tenant = $1)
     on conflict do nothing', 'crewline_memory_vector_' || in_space
  ) using in_tenant, in_rows;
  get diagnostics stored = row_count;
  return stored;
end $$;
create function crewline_memory_cosines(in_tenant text, in_space int, in_keys jsonb, in_vector text)
returns table (key bigint, cosine double precision)
language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if not exists (select from crewline_memory_space s where s.key = in_space) then return; end if;
  return query execute format(
    'select v.memory, 1 - (v.embedding <=> $3::vector)
     from jsonb_array_elements_text($1) k
     cross join lateral (select v.memory, v.embedding from %I v where v.memory = k.value::bigint and v.tenant = $2) v',
    'crewline_memory_vector_' || in_space
  ) using in_keys, in_tenant, in_vector;
end $$;
`

const memoryAllTenants = `create function crewline_memory_tenants(in_after text, in_limit int) returns table (tenant text)
language sql stable security definer set search_path from current set enable_seqscan = off set jit = off as $$
  with recursive found (tenant) as (
    select (
      select s.tenant from crewline_memory_scope s where s.tenant collate "C" > in_after order by s.tenant collate "C" limit 1
    )
    union all
    select (
      select s.tenant from crewline_memory_scope s where s.tenant collate "C" > f.tenant order by s.tenant collate "C" limit 1
    )
    from found f where f.tenant is not null
  )
  select f.tenant from found f where f.tenant is not null limit in_limit
$$;
`

const memoryChange = `create function crewline_memory_change(in_tenant text, in_id text, in_pinned boolean, in_quarantined boolean)
returns setof crewline_memory
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  old crewline_memory;
  changed crewline_memory;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  perform from crewline_memory_scope s
    where s.key = (select m.scope from crewline_memory m where m.id = in_id and m.tenant = in_tenant) and s.tenant = in_tenant
    for no key update;
  select * into old from crewline_memory m where m.id = in_id and m.tenant = in_tenant for no key update;
  if not found then return; end if;
  update crewline_memory m set pinned = coalesce(in_pinned, m.pinned), quarantined = coalesce(in_quarantined, m.quarantined)
    where m.key = old.key and m.tenant = in_tenant returning * into changed;
  if old.ends_at is null and old.quarantined <> changed.quarantined then
    perform crewline_memory_count_classes(
      in_tenant, array[old.scope], array[5 * old.kind + old.trust],
      array[case when changed.quarantined then -1 else 1 end], array[case when changed.quarantined then -old.length else old.length end]
    );
  end if;
  return next changed;
end $$;
`

const memoryCount = `create function crewline_memory_count_classes(in_tenant text, scopes bigint[], classes int[], documents int[], lengths int[]) returns void
language sql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
  insert into crewline_memory_class as c (scope, class, tenant, documents, length)
    select d.scope, d.class, in_tenant, sum(d.documents), sum(d.length)
    from unnest(scopes, classes, documents, lengths) d (scope, class, documents, length)
    group by d.scope, d.class having sum(d.documents) <> 0 or sum(d.length) <> 0
    order by d.scope, d.class
  on conflict (scope, class) do update
    set documents = c.documents + excluded.documents, length = c.length + excluded.length;
$$;
`

const memoryErase = `create function crewline_memory_erase(in_tenant text, in_keys bigint[])
returns table (erased int, executions text[])
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off as $$
#variable_conflict use_column
declare
  part record;
  in_scopes bigint[];
  scopes bigint[];
  classes int[];
  documents int[];
  lengths int[];
  present bigint[];
begin
  perform set_config('crewline.tenant', in_tenant, true);
  in_scopes := array(
    select distinct m.scope from unnest(in_keys) k (key) cross join lateral (
      select m.scope from crewline_memory m where m.key = k.key and m.tenant = in_tenant limit 1
    ) m
  );
  perform from crewline_memory_scope s where s.key = any (in_scopes) and s.tenant = in_tenant order by s.path for no key update;
  select array_agg(m.key), array_agg(m.scope), array_agg(5 * m.kind + m.trust),
      array_agg(case when m.ends_at is null and not m.quarantined then -1 else 0 end),
      array_agg(case when m.ends_at is null and not m.quarantined then -m.length else 0 end)
    into present, scopes, classes, documents, lengths
    from unnest(in_keys) k (key)
    cross join lateral (
      select m.* from crewline_memory m where m.key = k.key and m.tenant = in_tenant limit 1 for no key update
    ) m;
  executions := array(
    select distinct e.name from (
      select m.source as name from unnest(present) k (key)
      cross join lateral (select m.source from crewline_memory m where m.key = k.key and m.tenant = in_tenant limit 1) m
      union all
      select q.execution from unnest(present) k (key)
      cross join lateral (
        select q.execution from crewline_memory_quote q where q.memory = k.key and q.tenant = in_tenant offset 0
      ) q
    ) e where e.name is not null order by 1
  );
  delete from crewline_memory_quote q where q.memory = any (present) and q.tenant = in_tenant;
  for part in
    select m.key, m.scope, m.terms from unnest(present) k (key) cross join lateral (
      select m.key, m.scope, m.terms from crewline_memory m where m.key = k.key and m.tenant = in_tenant limit 1
    ) m
  loop
    delete from crewline_memory_term p
      where p.scope = part.scope and p.term = any (part.terms) and p.memory = part.key and p.tenant = in_tenant;
  end loop;
  delete from crewline_memory m where m.key = any (present) and m.tenant = in_tenant;
  get diagnostics erased = row_count;
  perform crewline_memory_count_classes(in_tenant, scopes, classes, documents, lengths);
  return next;
end $$;
`

const memoryFind = `create function crewline_memory_find(in_tenant text, query jsonb)
returns table (
  statistics text, key bigint, id text, kind smallint, stored_at bigint, ends_at bigint, superseded_by text, said_at bigint,
  importance double precision, names text[], corroborations int, pinned boolean, quarantined boolean, mentions text, body text,
  words double precision, conversation bigint, terms int[], frequencies double precision[]
)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  in_scopes bigint[] := crewline_memory_scopes(in_tenant, query->'view');
  in_terms text[] := array(select t.value from jsonb_array_elements_text(query->'terms') with ordinality t order by t.ordinality);
  dated boolean[] := array(select t.value::boolean from jsonb_array_elements_text(query->'dated') with ordinality t order by t.ordinality);
  in_kinds smallint[] := array(select k.value::smallint from jsonb_array_elements_text(query->'kinds') k);
  in_trust constant smallint := (query->>'trust')::smallint;
  in_time constant bigint := coalesce((query->>'time')::bigint, 9e15::bigint);
  in_by int[] := array(select s.value::int from jsonb_array_elements_text(query->'by') with ordinality s order by s.ordinality);
  in_shares float8[] := array(select s.value::float8 from jsonb_array_elements_text(query->'shares') with ordinality s order by s.ordinality);
  wide constant float8 := (query->>'wide')::float8;
  kept record;
  rows_of bigint[];
  chosen boolean[];
  talking bigint[];
  all_documents bigint := 0;
  all_length float8 := 0;
  conversations bigint := 0;
  conversation_length float8 := 0;
  part record;
begin
  perform set_config('crewline.tenant', in_tenant, true);
  select * into kept from crewline_memory_kept(in_tenant, (query->>'now')::bigint);
  talking := case
    when query ? 'time' or kept.hides then in_scopes
    else array(
      select x.key from unnest(in_scopes) x (key)
      cross join lateral (select s.talks from crewline_memory_scope s where s.key = x.key and s.tenant = in_tenant limit 1) s where s.talks
    )
  end;
  select coalesce(sum(c.documents), 0), coalesce(sum(c.length), 0) into all_documents, all_length
    from unnest(in_scopes) x (key)
    cross join lateral (
      select c.documents, c.length from crewline_memory_class c
      where c.scope = x.key and c.tenant = in_tenant and c.class / 5 = any (in_kinds) and c.class % 5 <= in_trust
      offset 0
    ) c
    where x.key <> all (talking);
  select count(*) as documents, coalesce(sum(m.length) filter (where m.conversation is null), 0) as alone,
      coalesce(sum(m.length) filter (where m.conversation is not null), 0) as together, count(distinct m.conversation) as conversations
    into part
    from unnest(talking) x (key)
    cross join lateral (
      select m.length, m.conversation from crewline_memory m
      where greatest(m.scope, 0) = x.key and m.tenant = in_tenant and not m.quarantined and m.kind = any (in_kinds) and m.trust <= in_trust
        and m.stored_at <= in_time and (m.ends_at is null or m.ends_at > in_time)
        and (m.pinned or (m.key >= kept.places[m.kind + 1] and m.stored_at > kept.times[m.kind + 1]))
      offset 0
    ) m;
  all_documents := all_documents + part.documents;
  all_length := all_length + part.alone + wide * part.together;
  conversations := part.conversations;
  conversation_length := part.together;
  rows_of := array(
    select (
      select count(*) from unnest(in_scopes) x (key)
      cross join lateral (
        select from crewline_memory_term p where p.scope = x.key and p.term = t.term and p.tenant = in_tenant limit (query->>'postings')::int
      ) p
    )
    from unnest(in_terms) with ordinality t (term, at) order by t.at
  );
  chosen := array(
    select c.rank = 1 or c.rows <= (query->>'postings')::int
    from (
      select r.at, row_number() over o as rank, sum(r.rows) over o as rows
      from unnest(rows_of) with ordinality r (rows, at)
      window o as (order by r.rows = 0, r.rows, r.at)
    ) c
    order by c.at
  );
  return query
  with hit as materialized (
    select t.at::int as at, m.key as memory, p.weight, m.conversation, m.place, m.length
    from unnest(in_terms, chosen) with ordinality t (term, chosen, at)
    cross join unnest(in_scopes) x (key)
    cross join lateral (
      select p.memory, p.weight from crewline_memory_term p where p.scope = x.key and p.term = t.term and p.tenant = in_tenant
      offset 0
    ) p
    cross join lateral (
      select m.key, m.conversation, m.place, m.length from crewline_memory m
      where m.key = p.memory and m.tenant = in_tenant and not m.quarantined and m.kind = any (in_kinds) and m.trust <= in_trust
        and m.stored_at <= in_time and (m.ends_at is null or m.ends_at > in_time)
        and (m.pinned or (m.key >= kept.places[m.kind + 1] and m.stored_at > kept.times[m.kind + 1]))
      offset 0
    ) m
    where t.chosen
  ), frequency as materialized (
    select f.memory, f.at, sum(f.weight) as weight, max(f.conversation) as conversation, max(f.length) as length
    from (
      select h.memory, h.at, h.weight, h.conversation, h.length from hit h
      union all
      select m.key, h.at, h.weight * s.share, h.conversation, m.length
      from hit h
      cross join unnest(in_by, in_shares) s (by, share)
      cross join lateral (select h.place + s.by as place offset 0) w
      cross join lateral (
        select m.key, m.length from crewline_memory m
        where m.conversation = h.conversation and m.place = w.place and m.tenant = in_tenant
          and not m.quarantined and m.kind = any (in_kinds) and m.trust <= in_trust
          and m.stored_at <= in_time and (m.ends_at is null or m.ends_at > in_time)
          and (m.pinned or (m.key >= kept.places[m.kind + 1] and m.stored_at > kept.times[m.kind + 1]))
        limit 1
      ) m
      where h.conversation is not null and not dated[h.at]
    ) f
    group by f.memory, f.at
  ), holders as materialized (
    select f.at, count(*) as memories, count(distinct f.conversation) as conversations from frequency f group by f.at
  ), weight as materialized (
    select t.at::int as at,
      ln(1 + (greatest(all_documents - t.holders, 0) + .5) / (t.holders + .5)) as weight
    from (
      select r.at, coalesce(h.memories, case when chosen[r.at] then 0 else r.rows end) as holders
      from unnest(rows_of) with ordinality r (rows, at) left join holders h on h.at = r.at
    ) t
  ), nearest as materialized (
    select f.memory as key
    from frequency f join weight w on w.at = f.at
    group by f.memory
    order by sum(w.weight * f.weight * 2.2 / (f.weight + 1.2 * (.25 + .75 * f.length * case when f.conversation is null then 1 else wide end
      / greatest(all_length / greatest(all_documents, 1), 1)))) desc, f.memory
    limit (query->>'limit')::int
  ), candidate as materialized (
    select m.*
    from (select n.key from nearest n union select k.value::bigint from jsonb_array_elements_text(query->'keys') k) n
    cross join lateral (
      select m.* from crewline_memory m
      where m.key = n.key and m.scope = any (in_scopes) and m.tenant = in_tenant
        and not m.quarantined and m.kind = any (in_kinds) and m.trust <= in_trust
        and m.stored_at <= in_time and (m.ends_at is null or m.ends_at > in_time)
        and (m.pinned or (m.key >= kept.places[m.kind + 1] and m.stored_at > kept.times[m.kind + 1]))
      limit 1
    ) m
  ), common as (
    select p.memory, t.at::int as at, p.weight
    from unnest(in_terms, chosen, rows_of) with ordinality t (term, chosen, rows, at)
    cross join candidate c
    cross join lateral (
      select p.memory, p.weight from crewline_memory_term p
      where p.scope = c.scope and p.term = t.term and p.memory = c.key and p.tenant = in_tenant limit 1
    ) p
    where not t.chosen and t.rows > 0
  ), had as (
    select f.memory, array_agg(f.at order by f.at) as terms, array_agg(f.weight order by f.at) as frequencies
    from (
      select f.memory, f.at, f.weight from frequency f join candidate c on c.key = f.memory
      union all select o.memory, o.at, o.weight from common o
    ) f
    group by f.memory
  )
  select json_build_object(
      'documents', all_documents, 'length', all_length, 'conversations', conversations, 'conversationLength', conversation_length,
      'holders', (
        select json_agg(coalesce(h.memories, case when chosen[r.at] then 0 else r.rows end) order by r.at)
        from unnest(rows_of) with ordinality r (rows, at) left join holders h on h.at = r.at
      ),
      'conversationHolders', (
        select json_agg(coalesce(h.conversations, 0) order by r.at)
        from unnest(rows_of) with ordinality r (rows, at) left join holders h on h.at = r.at
      ),
      'talks', (
        select json_agg(json_build_array(t.conversation, l.length, t.terms, t.frequencies))
        from (
          select s.conversation, json_agg(s.at order by s.at) as terms, json_agg(s.weight order by s.at) as frequencies
          from (
            select f.conversation, f.at, sum(f.weight) as weight from frequency f
            where f.conversation in (select c.conversation from candidate c) group by f.conversation, f.at
          ) s group by s.conversation
        ) t
        cross join lateral (
          select sum(m.length) as length from crewline_memory m
          where m.conversation = t.conversation and m.tenant = in_tenant and not m.quarantined and m.kind = any (in_kinds) and m.trust <= in_trust
            and m.stored_at <= in_time and (m.ends_at is null or m.ends_at > in_time)
            and (m.pinned or (m.key >= kept.places[m.kind + 1] and m.stored_at > kept.times[m.kind + 1]))
        ) l
      )
    )::text,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null
  union all
  select null, c.key, c.id, c.kind, c.stored_at, c.ends_at, c.superseded_by, c.said_at, c.importance, c.names, c.corroborations, c.pinned,
    c.quarantined, c.mentions, c.body,
    c.length + coalesce((
      select sum(s.share * m.length)
      from unnest(in_by, in_shares) s (by, share)
      cross join lateral (select c.place - s.by as place offset 0) w
      cross join lateral (
        select m.length from crewline_memory m
        where m.conversation = c.conversation and m.place = w.place and m.tenant = in_tenant
          and not m.quarantined and m.kind = any (in_kinds) and m.trust <= in_trust
          and m.stored_at <= in_time and (m.ends_at is null or m.ends_at > in_time)
          and (m.pinned or (m.key >= kept.places[m.kind + 1] and m.stored_at > kept.times[m.kind + 1]))
        limit 1
      ) m
      where c.conversation is not null
    ), 0),
    c.conversation, h.terms, h.frequencies
  from candidate c left join had h on h.memory = c.key;
end $$;
`

const memoryKept = `create function crewline_memory_kept(in_tenant text, in_now bigint, out places bigint[], out times bigint[], out hides boolean)
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
`

const memoryKnown = `create function crewline_memory_note_quotes(in_tenant text, in_execution text, in_ids jsonb) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  insert into crewline_memory_quote (memory, execution, tenant)
    select m.key, in_execution, in_tenant from jsonb_array_elements_text(in_ids) i
    cross join lateral (select m.key from crewline_memory m where m.id = i.value and m.tenant = in_tenant limit 1 for key share) m
    order by m.key
    on conflict do nothing;
end $$;
create function crewline_memory_shown(in_tenant text, in_executions jsonb) returns table (execution text, body text)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return query
    select q.execution, m.body from jsonb_array_elements_text(in_executions) e
    cross join lateral (
      select q.execution, q.memory from crewline_memory_quote q where q.execution = e.value and q.tenant = in_tenant offset 0
    ) q
    cross join lateral (select m.body from crewline_memory m where m.key = q.memory and m.tenant = in_tenant limit 1) m;
end $$;
create function crewline_memory_retention_of(in_tenant text) returns text
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return (select r.rules from crewline_memory_retention r where r.tenant = in_tenant);
end $$;
create function crewline_memory_retain(in_tenant text, in_rules text) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  insert into crewline_memory_retention (tenant, rules) values (in_tenant, in_rules)
    on conflict (tenant) do update set rules = excluded.rules;
end $$;
create function crewline_memory_statistics(in_tenant text)
returns table (live bigint[], superseded bigint, pinned bigint, quarantined bigint, counts text)
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return query
    select array[
        count(*) filter (where m.ends_at is null and m.kind = 0), count(*) filter (where m.ends_at is null and m.kind = 1),
        count(*) filter (where m.ends_at is null and m.kind = 2)
      ],
      count(*) filter (where m.ends_at is not null), count(*) filter (where m.pinned), count(*) filter (where m.quarantined),
      (
        select json_object_agg(r.reason, c.number)::text
        from unnest(array['', 'no-words', 'status', 'error', 'recalled', 'erased']) r (reason)
        cross join lateral (
          select c.number from crewline_memory_count c where c.reason = r.reason and c.tenant = in_tenant limit 1
        ) c
      )
    from crewline_memory m where m.tenant collate "C" = in_tenant;
end $$;
`

const memoryList = `create function crewline_memory_list(in_tenant text, filter jsonb, in_limit int)
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
`

const memoryRemember = `create function crewline_memory_remember(batch jsonb, in_wait boolean)
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
    if stored_scope is not null then held := held || jsonb_build_object(in_tenant || E'\\n' || wanted.path, stored_scope); end if;
  end loop;
  ready := array(
    select not exists (
      select from jsonb_array_elements(i.value->'scopes') s where not held ? ((i.value->>'tenant') || E'\\n' || (s.value->>'path'))
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
      stored_scope := (held->>(in_tenant || E'\\n' || (entry->>'path')))::bigint;
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
`

const memoryScopes = `create function crewline_memory_scopes(in_tenant text, view jsonb) returns bigint[]
language plpgsql stable set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
declare
  parts jsonb := view->'scope';
  open jsonb := coalesce(view->'any', '[]');
begin
  perform set_config('crewline.tenant', in_tenant, true);
  if view is null then return null; end if;
  if view ? 'paths' then
    return array(
      select s.key from jsonb_array_elements_text(view->'paths') p
      cross join lateral (
        select s.key from crewline_memory_scope s where s.path = p.value and s.tenant = in_tenant limit 1
      ) s
    );
  end if;
  if view ? 'within' then
    parts := view->'within';
    return array(
      select s.key from crewline_memory_scope s
      where s.tenant collate "C" = in_tenant
        and (not parts ? 'crew' or s.crew = parts->>'crew') and (not parts ? 'agent' or s.agent = parts->>'agent')
        and (not parts ? 'user' or s.person = parts->>'user') and (not parts ? 'session' or s.session = parts->>'session')
        and (not parts ? 'execution' or s.execution = parts->>'execution')
    );
  end if;
  return array(
    select s.key from crewline_memory_scope s
    where s.tenant collate "C" = in_tenant
      and (s.crew is null or s.crew = parts->>'crew' or open ? 'crew')
      and (s.agent is null or s.agent = parts->>'agent' or open ? 'agent')
      and (s.person is null or s.person = parts->>'user' or open ? 'user')
      and (s.session is null or s.session = parts->>'session' or open ? 'session')
      and (s.execution is null or s.execution = parts->>'execution' or open ? 'execution')
  );
end $$;
`

const memorySeen = `create function crewline_memory_seen(in_tenant text, query jsonb, in_after bigint, in_limit int)
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
    if not item.is_granted and item.name is distinct from to_regclass('crewline_feed_key') then
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
create table crewline_feed_key (
  key text primary key,
  database bigint not null,
  until bigint
);
create unique index crewline_feed_key_open on crewline_feed_key ((until is null)) where until is null;
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

export const memorySpaces: string = `create extension if not exists vector;
create table crewline_memory_space (
  key int generated always as identity primary key,
  name text not null unique,
  dimensions int not null,
  filled_at timestamptz
);
${memorySpacesAllTenants}${memorySpacesVectors}${memorySpacesNear}`

export const memory: string = `create table crewline_memory_scope (
  key bigint generated always as identity primary key,
  tenant text not null,
  path text not null,
  crew text,
  agent text,
  person text,
  session text,
  execution text,
  talks boolean not null default false
) with (fillfactor = 80);
create unique index crewline_memory_scope_path on crewline_memory_scope (path, tenant) where path is not null;
create index crewline_memory_scope_listing on crewline_memory_scope (tenant collate "C", key);
create table crewline_memory (
  key bigint generated always as identity primary key,
  tenant text not null,
  id text not null,
  scope bigint not null,
  kind smallint not null,
  origin smallint not null,
  trust smallint not null,
  subject text,
  identity text,
  holds_for text,
  conversation bigint,
  place int,
  length int not null,
  stored_at bigint not null,
  ends_at bigint,
  superseded_by text,
  said_at bigint not null,
  importance double precision not null,
  names text[],
  corroborations int not null,
  pinned boolean not null,
  quarantined boolean not null,
  source text,
  given_key text,
  relates boolean not null,
  terms text[] not null,
  mentions text,
  body text not null
) with (fillfactor = 85);
create unique index crewline_memory_id on crewline_memory (id, tenant) where id is not null;
create unique index crewline_memory_identity on crewline_memory (identity, tenant) where identity is not null;
create unique index crewline_memory_subject on crewline_memory (holds_for, tenant) where holds_for is not null;
create unique index crewline_memory_place on crewline_memory (conversation, place) where conversation is not null;
create index crewline_memory_of_subject on crewline_memory (subject, tenant) where subject is not null;
create index crewline_memory_of_scope on crewline_memory (greatest(scope, 0), greatest(key, 0));
create index crewline_memory_listing on crewline_memory (tenant collate "C", greatest(key, 0));
create index crewline_memory_age on crewline_memory (tenant collate "POSIX", kind, stored_at) where not pinned;
create index crewline_memory_number on crewline_memory (tenant collate "ucs_basic", greatest(kind, 0), greatest(key, 0)) where coalesce(pinned, false) = false;
create table crewline_memory_term (
  scope bigint not null,
  term text not null,
  memory bigint not null,
  tenant text not null,
  weight double precision not null,
  primary key (scope, term, memory) include (tenant, weight)
);
create table crewline_memory_conversation (
  key bigint generated always as identity primary key,
  tenant text not null,
  path text not null,
  next int not null
) with (fillfactor = 80);
create unique index crewline_memory_conversation_path on crewline_memory_conversation (path, tenant) where path is not null;
create table crewline_memory_class (
  scope bigint not null,
  class smallint not null,
  tenant text not null,
  documents bigint not null,
  length bigint not null,
  primary key (scope, class)
) with (fillfactor = 50);
create table crewline_memory_key (
  path text not null,
  tenant text not null,
  memory text,
  primary key (path, tenant)
);
create table crewline_memory_quote (
  memory bigint not null,
  execution text not null,
  tenant text not null
);
create unique index crewline_memory_quote_memory on crewline_memory_quote (memory, coalesce(execution, ''));
create unique index crewline_memory_quote_execution on crewline_memory_quote (execution, tenant, greatest(memory, 0)) where execution is not null;
create table crewline_memory_count (
  reason text not null,
  tenant text not null,
  number bigint not null,
  primary key (reason, tenant)
) with (fillfactor = 50);
create table crewline_memory_retention (
  tenant text primary key,
  rules text not null
);
${memoryScopes}${memoryAllTenants}${memoryKept}${memoryCount}${memoryRemember}${memoryFind}${memoryList}${memorySeen}${memoryChange}${memoryErase}${memoryKnown}`

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

export const workspace: string = `create table crewline_file (
  tenant text not null,
  execution text collate "C" not null,
  path text collate "C" not null,
  size bigint not null,
  modified_at timestamptz not null default now(),
  content bytea not null,
  primary key (tenant, execution, path)
);
alter table crewline_file alter column content set storage external;
create function crewline_forget_files() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  delete from crewline_file f where f.tenant = old.tenant and f.execution = old.id;
  return old;
end $$;
create trigger crewline_execution_files after delete on crewline_execution
  for each row execute function crewline_forget_files();
create function crewline_prune_files(seconds float8) returns int
language sql security definer set search_path from current as $$
  with gone as (
    delete from crewline_file f
    where f.modified_at < now() - seconds * interval '1 second'
      and not exists (select from crewline_execution e where e.tenant = f.tenant and e.id = f.execution)
    returning 1
  )
  select count(*)::int from gone
$$;
`
