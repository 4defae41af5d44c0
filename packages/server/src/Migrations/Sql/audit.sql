-- The audit log. Only crewline_write_audit adds rows, only crewline_prune_audit deletes them, and
-- no row is ever updated.
create table crewline_audit (
  tenant text not null,
  -- Sorts by time.
  id text collate "C" not null,
  at timestamptz not null,
  operation text not null,
  resource text collate "C",
  actor text,
  role text,
  credential text,
  key_id text collate "C",
  on_behalf_of text,
  address text,
  status int not null,
  code text,
  -- A JSON list.
  details text,
  -- The number of equal refusals that this row stands for.
  times int not null,
  primary key (tenant, id)
);
create index crewline_audit_resource on crewline_audit (tenant, resource, id) where resource is not null;
create index crewline_audit_age on crewline_audit using brin (at);

create function crewline_refuse_audit_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_setting('crewline.prunes_audit', true) = 'on' then
    return old;
  end if;
  raise exception 'Rows of crewline_audit are neither changed nor deleted' using errcode = 'insufficient_privilege';
end
$$;
create trigger crewline_audit_append_only before update or delete on crewline_audit
  for each row execute function crewline_refuse_audit_change();
create trigger crewline_audit_not_emptied before truncate on crewline_audit
  for each statement execute function crewline_refuse_audit_change();
