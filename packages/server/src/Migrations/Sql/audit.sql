-- Who did what. Rows are added by crewline_write_audit and deleted by crewline_prune_audit; nothing else changes them.
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
  -- JSON.
  details text,
  -- Refusals of the same kind, one row for many.
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

-- Entries of any tenants, as JSON; "waited" is how many milliseconds ago each of them was. Sent again, they are not added again.
create function crewline_write_audit(entries text) returns void language sql as $$
  insert into crewline_audit
    (tenant, id, at, operation, resource, actor, role, credential, key_id, on_behalf_of, address, status, code, details, times)
  select
    tenant, id, now() - waited * interval '1 millisecond', operation, resource, actor, role, credential, "keyId", "onBehalfOf", address,
    status, code, details, times
  from jsonb_to_recordset(entries::jsonb) as entry (
    tenant text, id text, waited float8, operation text, resource text, actor text, role text, credential text, "keyId" text,
    "onBehalfOf" text, address text, status int, code text, details text, times int
  )
  on conflict do nothing
$$;

-- Deletes entries of any tenants that are older than so many seconds, at most so many at once; answers how many.
create function crewline_prune_audit(seconds float8, at_most int) returns int language sql set crewline.prunes_audit = 'on' as $$
  with old as (
    select tenant, id from crewline_audit where at < now() - seconds * interval '1 second' limit at_most for update skip locked
  ), gone as (
    delete from crewline_audit entry using old where entry.tenant = old.tenant and entry.id = old.id returning 1
  )
  select count(*)::int from gone
$$;
