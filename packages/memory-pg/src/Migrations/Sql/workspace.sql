-- The files of executions, for workers on any machine. They go with their execution.
create table crewline_file (
  tenant text not null,
  execution text collate "C" not null,
  path text collate "C" not null,
  size bigint not null,
  modified_at timestamptz not null default now(),
  content bytea not null,
  primary key (tenant, execution, path)
);
-- Most files are compressed already, or small.
alter table crewline_file alter column content set storage external;

-- A file that is stored for an execution which was then not started is deleted by crewline_prune_files.
create function crewline_forget_files() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  delete from crewline_file f where f.tenant = old.tenant and f.execution = old.id;
  return old;
end $$;
create trigger crewline_execution_files after delete on crewline_execution
  for each row execute function crewline_forget_files();

-- Deletes files, of any tenants, that no execution has and that are older than so many seconds; answers how many.
create function crewline_prune_files(seconds float8) returns int
language sql security definer set search_path from current as $$
  with gone as (
    delete from crewline_file f
    where f.modified_at < now() - seconds * interval '1 second'
      and not exists (select from crewline_execution e where e.tenant = f.tenant and e.id = f.execution)
    returning 1
  )
  select count(*)::int from gone
$$;
