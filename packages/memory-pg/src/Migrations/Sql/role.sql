-- The role as which whatever serves requests or runs tasks acts. Roles belong to the server: another database may make it at this moment.
do $$
declare
  -- From version 16 on a member may not always act as the role.
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
