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
