-- Which migrations were applied, to refuse a database that this version does not know.
create table if not exists crewline_migration (
  component text not null,
  id int not null,
  name text not null,
  -- Of the migration's SQL.
  sha256 text not null,
  applied_at timestamptz not null default now(),
  primary key (component, id)
)
