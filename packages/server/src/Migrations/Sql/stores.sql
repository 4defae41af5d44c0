-- What clients store: crews, agents and model providers by tenant, and the budgets of tenants.
--
-- `collate "C"`: ids and cursors are compared byte by byte, the same in every database. Bodies are
-- JSON as text: jsonb reorders keys, and the order of tasks is significant. Summaries are JSON,
-- too: lists read them instead of bodies.

create table crewline_crew (
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
  -- The key of the provider, encrypted, and the id of the master key that opens it.
  api_key text,
  api_key_master text,
  constraint crewline_llm_provider_api_key check ((api_key is null) = (api_key_master is null))
);
create index crewline_llm_provider_listing on crewline_llm_provider (tenant, id);
-- Models are named by their provider: `acme/some-model`.
create unique index crewline_llm_provider_name on crewline_llm_provider (tenant, name);

create table crewline_tenant_budget (
  tenant text primary key,
  body text not null,
  updated_at timestamptz not null default now()
);

-- What a tenant has spent in each period (2026-11-22, 2026-11), and what calls under way have reserved.
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
