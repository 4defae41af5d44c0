-- API keys. `hash` is SHA-256 of the whole key: keys are random, so that a slow hash would protect nothing. `scopes` is a JSON list; null:
-- those of the role. `lifetime_seconds` is what its expiry was made of: a key that replaces it lives as long.
create table crewline_key (
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
-- Tickets of browsers, by SHA-256 of the ticket: each is taken out once.
create table crewline_ticket (
  tenant text not null,
  hash text collate "C" primary key,
  principal text not null,
  expires_at timestamptz not null
);
create index crewline_ticket_expiry on crewline_ticket (expires_at);
