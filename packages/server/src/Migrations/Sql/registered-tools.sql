-- APIs whose operations a tenant has registered as tools: `body` has them as JSON, without secrets. Indexes as in bounded.sql.
create table crewline_tool_api (
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

-- What tenants refuse or ask about, whatever their crews declare: a policy as JSON.
create table crewline_tool_policy (
  tenant text primary key,
  body text not null,
  updated_at timestamptz not null default now()
);
