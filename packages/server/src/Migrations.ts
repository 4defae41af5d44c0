/**
 * The tables of the server: what clients store. Plain SQL for PostgreSQL 15 and newer, PGlite included; applied under the
 * component name `server` by `@crewline/memory-pg/Migrations`.
 *
 * `collate "C"`: ids and cursors are compared byte by byte, in every database alike.
 */
import * as Migrations from "@crewline/memory-pg/Migrations"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"

const resource = (table: string) => `
create table ${table} (
  tenant     text not null,
  id         text collate "C" primary key,
  name       text not null,
  version    int not null default 1,
  -- JSON as text: jsonb reorders keys, and the order of tasks means something.
  body       text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index ${table}_listing on ${table} (tenant, id);
`

/** Every migration of this package, in order. */
export const migrations: ReadonlyArray<Migrations.Migration> = [
  {
    id: 1,
    name: "resources",
    sql: [
      resource("crewline_crew"),
      "create index crewline_crew_name on crewline_crew (tenant, name);",
      resource("crewline_agent"),
      "create index crewline_agent_name on crewline_agent (tenant, name);",
      resource("crewline_llm_provider"),
      // Models are named by their provider: `acme/some-model`.
      "create unique index crewline_llm_provider_name on crewline_llm_provider (tenant, name);"
    ].join("\n")
  },
  {
    id: 2,
    name: "provider-keys",
    // Both or neither: the key of the provider, encrypted, and the id of the master key that opens it.
    sql: `
alter table crewline_llm_provider add column api_key text;
alter table crewline_llm_provider add column api_key_master text;
alter table crewline_llm_provider add constraint crewline_llm_provider_api_key
  check ((api_key is null) = (api_key_master is null));
`
  },
  {
    id: 3,
    name: "tenant-budgets",
    // Of each period (2026-11-22, 2026-11) what was spent and what calls under way have reserved.
    sql: `
create table crewline_tenant_budget (
  tenant     text primary key,
  body       text not null,
  updated_at timestamptz not null default now()
);
create table crewline_tenant_spending (
  tenant            text not null,
  period            text collate "C" not null,
  spent_tokens      bigint not null default 0,
  spent_requests    bigint not null default 0,
  spent_nano_usd    bigint not null default 0,
  reserved_tokens   bigint not null default 0,
  reserved_requests bigint not null default 0,
  reserved_nano_usd bigint not null default 0,
  updated_at        timestamptz not null default now(),
  primary key (tenant, period)
);
`
  }
]

/** Applies this package's migrations; answers the names of those applied now. */
export const migrate: Effect.Effect<ReadonlyArray<string>, Migrations.MigrationError, SqlClient> = Migrations.run({
  component: "server",
  migrations
})

/** Applies this package's migrations before what is provided with it is built. */
export const layer: Layer.Layer<never, Migrations.MigrationError, SqlClient> = Layer.effectDiscard(migrate)
