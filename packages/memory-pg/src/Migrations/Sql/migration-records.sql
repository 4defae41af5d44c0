-- Applied migrations, so that a database of an unknown version is rejected.
create table if not exists crewline_migration (
  component text not null,
  id int not null,
  name text not null,
  -- SHA-256 of the SQL.
  sha256 text not null,
  applied_at timestamptz not null default now(),
  primary key (component, id)
)
