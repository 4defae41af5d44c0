// Generated from the .sql files beside it by `npm run generate`: edit those.

export const access: string = `create table crewline_key (
  tenant text not null,
  id text collate "C" primary key,
  name text not null,
  role text not null,
  scopes text,
  prefix text collate "C" not null,
  hash text not null,
  created_at timestamptz not null default now(),
  created_by text not null,
  lifetime_seconds bigint,
  expires_at timestamptz,
  used_at timestamptz,
  revoked_at timestamptz
);
create unique index crewline_key_prefix on crewline_key (prefix);
create index crewline_key_listing on crewline_key (tenant, id);
create table crewline_ticket (
  tenant text not null,
  hash text collate "C" primary key,
  principal text not null,
  expires_at timestamptz not null
);
create index crewline_ticket_expiry on crewline_ticket (expires_at);
`

export const allTenants: string = `create function crewline_standing_keys(in_prefixes text) returns table (
  id text, tenant text, name text, role text, scopes text, prefix text, hash text, is_revoked boolean, left_millis double precision
)
language sql stable security definer set search_path from current as $$
  select k.id, k.tenant, k.name, k.role, k.scopes, k.prefix, k.hash, k.revoked_at is not null,
    (extract(epoch from k.expires_at - now()) * 1000)::double precision
  from crewline_key k where k.prefix = any (string_to_array(in_prefixes, ','))
$$;
create function crewline_note_keys(in_prefixes text) returns void
language sql security definer set search_path from current as $$
  update crewline_key k set used_at = now()
  where k.prefix = any (string_to_array(in_prefixes, ',')) and (k.used_at is null or k.used_at < now() - interval '1 minute')
$$;
create function crewline_has_keys() returns boolean
language sql stable security definer set search_path from current as $$
  select exists (select from crewline_key)
$$;
create function crewline_take_ticket(in_hash text) returns table (principal text, is_good boolean)
language sql security definer set search_path from current as $$
  delete from crewline_ticket t where t.hash = in_hash returning t.principal, t.expires_at > now()
$$;
create function crewline_sealed_providers(in_master text) returns table (
  tenant text, id text, name text, body text, ciphertext text, master text
)
language sql stable security definer set search_path from current as $$
  select p.tenant, p.id, p.name, p.body, p.api_key, p.api_key_master
  from crewline_llm_provider p where p.api_key_master is not null and p.api_key_master <> in_master
$$;
create function crewline_sealed_secrets(in_master text)
returns table (tenant text, id text, name text, body text, ciphertext text, master text)
language sql stable security definer set search_path from current as $$
  select s.tenant, s.id, s.name, s.body, s.sealed, s.sealed_master from crewline_secret s where s.sealed_master <> in_master
$$;
create function crewline_write_audit(entries text) returns void
language sql security definer set search_path from current as $$
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
create function crewline_prune_audit(seconds float8, at_most int) returns int
language sql security definer set search_path from current set crewline.prunes_audit = 'on' as $$
  with old as (
    select tenant, id from crewline_audit where at < now() - seconds * interval '1 second' limit at_most for update skip locked
  ), gone as (
    delete from crewline_audit entry using old where entry.tenant = old.tenant and entry.id = old.id returning 1
  )
  select count(*)::int from gone
$$;
grant select on crewline_audit to crewline_app;
`

export const audit: string = `create table crewline_audit (
  tenant text not null,
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
  details text,
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
`

export const bounded: string = `drop index crewline_crew_listing, crewline_crew_name, crewline_agent_listing, crewline_agent_name, crewline_llm_provider_listing,
  crewline_llm_provider_name, crewline_secret_name, crewline_key_listing, crewline_ticket_expiry, crewline_audit_resource,
  crewline_audit_age;
create index crewline_crew_listing on crewline_crew (tenant collate "C", id collate "POSIX");
create index crewline_crew_name on crewline_crew (tenant collate "POSIX", name, greatest(id, ''));
create index crewline_agent_listing on crewline_agent (tenant collate "C", id collate "POSIX");
create index crewline_agent_name on crewline_agent (tenant collate "POSIX", name, greatest(id, ''));
create index crewline_llm_provider_listing on crewline_llm_provider (tenant collate "C", id collate "POSIX");
create unique index crewline_llm_provider_name on crewline_llm_provider (tenant collate "POSIX", name);
create index crewline_llm_provider_master on crewline_llm_provider (api_key_master) where api_key_master is not null;
create index crewline_key_listing on crewline_key (tenant collate "C", id collate "POSIX");
alter table crewline_secret drop constraint crewline_secret_pkey, add primary key (id);
create index crewline_secret_listing on crewline_secret (tenant collate "C", id collate "POSIX");
create unique index crewline_secret_name on crewline_secret (tenant collate "POSIX", name);
create index crewline_secret_master on crewline_secret (sealed_master);
create index crewline_ticket_expiry on crewline_ticket (tenant collate "C", expires_at);
alter table crewline_tenant_spending drop constraint crewline_tenant_spending_pkey, add primary key (period, tenant);
alter table crewline_audit drop constraint crewline_audit_pkey, add primary key (id);
create index crewline_audit_listing on crewline_audit (greatest(tenant, ''), at, id collate "POSIX");
create index crewline_audit_resource on crewline_audit
  (tenant collate "POSIX", resource, greatest(at, '-infinity'), greatest(id, '')) where resource is not null;
create index crewline_audit_actor on crewline_audit
  (tenant collate "C", actor, least(at, 'infinity'), least(id, id)) where actor is not null;
create or replace function crewline_sealed_providers(in_master text) returns table (
  tenant text, id text, name text, body text, ciphertext text, master text
)
language sql stable security definer set search_path from current as $$
  select p.tenant, p.id, p.name, p.body, p.api_key, p.api_key_master from crewline_llm_provider p where p.api_key_master < in_master
  union all
  select p.tenant, p.id, p.name, p.body, p.api_key, p.api_key_master from crewline_llm_provider p where p.api_key_master > in_master
$$;
create or replace function crewline_sealed_secrets(in_master text)
returns table (tenant text, id text, name text, body text, ciphertext text, master text)
language sql stable security definer set search_path from current as $$
  select s.tenant, s.id, s.name, s.body, s.sealed, s.sealed_master from crewline_secret s where s.sealed_master < in_master
  union all
  select s.tenant, s.id, s.name, s.body, s.sealed, s.sealed_master from crewline_secret s where s.sealed_master > in_master
$$;
create or replace function crewline_prune_audit(seconds float8, at_most int) returns int
language sql security definer set search_path from current set crewline.prunes_audit = 'on' set enable_sort = off as $$
  with oldest as materialized (
    select id, at from crewline_audit order by id limit at_most
  ), old as materialized (
    select id from crewline_audit
    where id = any (array(select id from oldest where at < now() - seconds * interval '1 second')) for update skip locked
  ), gone as (
    delete from crewline_audit where id = any (array(select id from old)) returning 1
  )
  select count(*)::int from gone
$$;
`

export const registeredTools: string = `create table crewline_tool_api (
  tenant text not null,
  id text collate "C" primary key,
  name text not null,
  version int not null default 1,
  body text not null,
  summary text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index crewline_tool_api_listing on crewline_tool_api (tenant collate "C", id collate "POSIX");
create unique index crewline_tool_api_name on crewline_tool_api (tenant collate "POSIX", name);
create table crewline_tool_policy (
  tenant text primary key,
  body text not null,
  updated_at timestamptz not null default now()
);
`

export const secrets: string = `create table crewline_secret (
  tenant text not null,
  id text collate "C" not null,
  name text not null,
  version int not null default 1,
  body text not null,
  summary text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  sealed text not null,
  sealed_master text not null,
  primary key (tenant, id)
);
create unique index crewline_secret_name on crewline_secret (tenant, name);
`

export const stores: string = `create table crewline_crew (
  tenant text not null,
  id text collate "C" primary key,
  name text not null,
  version int not null default 1,
  body text not null,
  summary text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index crewline_crew_listing on crewline_crew (tenant, id);
create index crewline_crew_name on crewline_crew (tenant, name);
create table crewline_agent (
  tenant text not null,
  id text collate "C" primary key,
  name text not null,
  version int not null default 1,
  body text not null,
  summary text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index crewline_agent_listing on crewline_agent (tenant, id);
create index crewline_agent_name on crewline_agent (tenant, name);
create table crewline_llm_provider (
  tenant text not null,
  id text collate "C" primary key,
  name text not null,
  version int not null default 1,
  body text not null,
  summary text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  api_key text,
  api_key_master text,
  constraint crewline_llm_provider_api_key check ((api_key is null) = (api_key_master is null))
);
create index crewline_llm_provider_listing on crewline_llm_provider (tenant, id);
create unique index crewline_llm_provider_name on crewline_llm_provider (tenant, name);
create table crewline_tenant_budget (
  tenant text primary key,
  body text not null,
  updated_at timestamptz not null default now()
);
create table crewline_tenant_spending (
  tenant text not null,
  period text collate "C" not null,
  spent_tokens bigint not null default 0,
  spent_requests bigint not null default 0,
  spent_nano_usd bigint not null default 0,
  reserved_tokens bigint not null default 0,
  reserved_requests bigint not null default 0,
  reserved_nano_usd bigint not null default 0,
  updated_at timestamptz not null default now(),
  primary key (tenant, period)
);
`
