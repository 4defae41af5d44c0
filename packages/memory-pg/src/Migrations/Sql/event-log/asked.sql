-- Asks with the event that opened each and the event that answered it, in list order. An event that
-- opened several asks is returned only with the first, because it may be large. If the argument is
-- null, returns a single row of nulls.
create function crewline_asked(in_tenant text, in_asks crewline_ask[]) returns table (
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
