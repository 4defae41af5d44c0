-- What belongs to no tenant, and what works for all of them: these functions belong to the owner of the tables, and tell ids and numbers,
-- nothing that a memory says.

-- The key of a space, made at first use with its table. Vectors with more numbers than an index can hold have none: then all are compared.
create function crewline_memory_open_space(in_name text, in_dimensions int) returns table (key int, dimensions int)
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

-- Memories without a vector in the space, in the order of storing, after a place, but for those of some tenants.
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

-- How many memories there are, and how many of them have a vector in the space.
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

-- All spaces, in the order in which they were made.
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

-- Deletes a space with all its vectors.
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
