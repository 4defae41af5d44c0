/**
 * The tables of the server, as plain SQL for PostgreSQL 15 and newer, PGlite included. Forward only: a migration that was
 * released is never edited, another one follows.
 *
 * `collate "C"`: ids and cursors are compared byte by byte, in every database alike.
 */

/** One step of the schema. */
export interface Migration {
  /** Sorts and names the migration; unique over all packages. */
  readonly name: string
  readonly sql: string
}

const resource = (table: string) => `
create table ${table} (
  tenant     text not null,
  id         text collate "C" primary key,
  name       text not null,
  version    integer not null default 1,
  body       text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index ${table}_tenant_id on ${table} (tenant, id desc);
`

/** Every migration of this package, in order. */
export const migrations: ReadonlyArray<Migration> = [
  {
    name: "server_0001_resources",
    sql: `${resource("crews")}
create index crews_tenant_name on crews (tenant, name);
${resource("agents")}
${resource("llm_providers")}
create unique index llm_providers_tenant_name on llm_providers (tenant, name);
`
  }
]
