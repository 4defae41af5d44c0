create table crewline_secret (
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
