-- A function across tenants, for the deletion of memories past retention. It belongs to the owner
-- of the tables, to whom policies do not apply, and returns names of tenants, nothing of memories.

-- Tenants that have or had memories, after the given one, in order. Reads one row per tenant.
create function crewline_memory_tenants(in_after text, in_limit int) returns table (tenant text)
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
