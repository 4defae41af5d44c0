-- The candidates of a query. The first row contains the totals that ranking needs of all visible
-- memories. The other rows are the memories found by words, the nearest at most `limit`, and those
-- of `keys` (found otherwise), if the query sees them. `frequencies` are the frequencies of the
-- terms numbered in `terms`, including those in the neighbours in the conversation.
--
-- Rows of rare terms are read first, up to `postings` rows (and always one term). Memories that
-- contain only more common terms, which contribute little to the rank, are not found; in memories
-- found by other terms the common ones are counted.
--
-- Look-ups say `limit 1` or `offset 0`: the planner could turn plain joins into a hash of a whole
-- table.
-- Places of neighbours are computed first: row security allows no index for a condition that
-- computes, and a look-up would read the whole conversation.
create function crewline_memory_find(in_tenant text, query jsonb)
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

  -- Stored counts are used where all current memories are visible and neighbours do not matter;
  -- otherwise the memories are counted one by one.
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
