-- Which of these texts, given by their hashes, have a vector in the space already.
create function crewline_memory_known_contents(in_tenant text, in_space int, in_contents jsonb) returns setof text
language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
begin
  perform set_config('crewline.tenant', in_tenant, true);
  return query execute format(
    'select c.value from jsonb_array_elements_text($1) c
     where exists (select from %I v where v.content = c.value and v.tenant = $2)', 'crewline_memory_vector_' || in_space
  ) using in_contents, in_tenant;
end $$;

-- Stores vectors of memories; without one, that of another memory with the same text is taken. What was erased meanwhile is left out.
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

-- The cosines of memories with a vector.
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
