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

-- Secrets of all tenants that are encrypted under another master key than this one.
create function crewline_sealed_secrets(in_master text)
returns table (tenant text, id text, name text, body text, ciphertext text, master text)
language sql stable security definer set search_path from current as $$
  select s.tenant, s.id, s.name, s.body, s.sealed, s.sealed_master from crewline_secret s where s.sealed_master <> in_master
$$;
