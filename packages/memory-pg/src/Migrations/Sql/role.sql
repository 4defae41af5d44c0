-- The role for everything that serves requests or runs tasks. Roles are shared by all databases of
-- a server, so another database may create it concurrently.
do $$
declare
  -- Since PostgreSQL 16, membership alone may not allow acting as the role.
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
