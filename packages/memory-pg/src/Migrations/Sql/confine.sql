-- Puts a policy on every table with a tenant, and gives the role of serving connections its
-- privileges: rows of the current tenant, and the functions across tenants, which no other role may
-- call. Privileges that exist already are left alone, so a migration may grant less on a table. The
-- key of feed cursors is granted to no role.
do $$
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
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and c.relname like 'crewline\_%'
  loop
    if item.has_tenant and not item.is_secured then
      execute format('alter table %s enable row level security', item.name);
    end if;
    if item.has_tenant and not item.has_policy then
      -- A subselect, so that the setting is read once per statement instead of once per row.
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
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'S' and c.relname like 'crewline\_%\_sequence'
      and not has_sequence_privilege('crewline_app', c.oid, 'usage, select')
  loop
    execute format('grant usage, select on sequence %s to crewline_app', item.name);
  end loop;
  for item in
    select p.oid::regprocedure as name from pg_proc p
    where p.pronamespace = current_schema()::regnamespace and p.prosecdef and p.proname like 'crewline\_%'
      and (p.proacl is null or not has_function_privilege('crewline_app', p.oid, 'execute'))
  loop
    execute format('revoke execute on function %s from public', item.name);
    execute format('grant execute on function %s to crewline_app', item.name);
  end loop;
  -- Temporary tables come first unless the path says otherwise. A user allowed to create one could
  -- attach a trigger to it that runs as the owner.
  for item in
    select p.oid::regprocedure as name from pg_proc p
    where p.pronamespace = current_schema()::regnamespace and p.prosecdef and p.proname like 'crewline\_%'
      and not coalesce(p.proconfig, '{}') @> array[format('search_path=%I, pg_temp', current_schema())]
  loop
    execute format('alter function %s set search_path = %I, pg_temp', item.name, current_schema());
  end loop;
end $$
