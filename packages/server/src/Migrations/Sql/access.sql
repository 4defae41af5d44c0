-- API keys. `hash` is SHA-256 of the whole key: keys are random, so a slow hash would add no
-- protection. `scopes` is a JSON list; null: the scopes of the role. `lifetime_seconds` is the
-- lifetime the key was created with, which also applies to its replacement.
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
-- Tickets of browsers, by SHA-256 of the ticket. Each can be used once.
create table crewline_ticket (
  tenant text not null,
  hash text collate "C" primary key,
  principal text not null,
  expires_at timestamptz not null
);
create index crewline_ticket_expiry on crewline_ticket (expires_at);
