/**
 * What each operation on what clients store reads, in pages of tables and indexes, with 6,000 rows
 * in each table, half of them of one tenant: bounded, whatever the planner knows of the tables.
 * Plans are made while the tables are empty, and kept, as in a server that runs for long.
 */
import * as Tenant from "@crewline/core/Tenant"
import * as Database from "@crewline/memory-pg/Database"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import { ownerOf } from "../../memory-pg/test/Owner.ts"
import * as PostgresServer from "../../memory-pg/test/PostgresServer.ts"
import * as AuditLog from "../src/AuditLog.ts"
import * as Tickets from "../src/Credentials/Tickets.ts"
import * as Migrations from "../src/Migrations.ts"
import * as Principal from "../src/Principal.ts"
import * as Agents from "../src/ResourceStore/Agents.ts"
import * as Crews from "../src/ResourceStore/Crews.ts"
import * as Keys from "../src/ResourceStore/Keys.ts"
import * as MasterKeys from "../src/ResourceStore/MasterKeys.ts"
import * as Providers from "../src/ResourceStore/Providers.ts"
import * as Secrets from "../src/ResourceStore/Secrets.ts"
import * as ToolApis from "../src/ResourceStore/ToolApis.ts"
import * as TenantBudgets from "../src/TenantBudgets.ts"
import * as ToolPolicies from "../src/ToolPolicies.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const masterKey = MasterKeys.layer({ current: Redacted.make(Buffer.alloc(32, 1).toString("base64")) })

const stores = Layer.mergeAll(
  Agents.layer,
  AuditLog.layer,
  Crews.layer,
  Keys.layer,
  Providers.layer,
  Secrets.layer,
  ToolApis.layer,
  ToolPolicies.layer,
  TenantBudgets.layer({ standard: { day: { tokens: 1_000 } } })
).pipe(Layer.provideMerge(masterKey), Layer.provideMerge(Migrations.layer))

/** Row n of 6,000, of `t` or of one of 25 others. */
const rows =
  "from generate_series(1, 6000) n, lateral (select case when n % 2 = 0 then 't' else 'u' || n % 50 end) tenants (tenant)"
const stored = (table: string, columns = "", values = "") =>
  `insert into crewline_${table} (tenant, id, name, body, summary${columns})
    select tenant, '${table}_' || lpad(n::text, 8, '0'), 'name ' || n, '{"kind":"ollama","name":"' || repeat('b', 200) || '"}', '{}'${values} ${rows}`

const fill = [
  stored("crew"),
  stored("agent"),
  stored("tool_api"),
  `insert into crewline_tool_policy (tenant, body) select 'tenant ' || n, '{}' from generate_series(1, 6000) n`,
  stored("llm_provider", ", api_key, api_key_master", ", 'sealed', (select id from master)"),
  stored("secret", ", sealed, sealed_master", ", 'sealed', (select id from master)"),
  `insert into crewline_key (tenant, id, name, role, prefix, hash, created_by)
    select tenant, 'key_' || lpad(n::text, 8, '0'), 'name', 'admin', 'prefix ' || n, 'h', 'c' ${rows}`,
  `insert into crewline_ticket (tenant, hash, principal, expires_at) select tenant, 'hash ' || n, '{}', now() - n * interval '1 second' ${rows}`,
  `insert into crewline_tenant_budget (tenant, body) select 'tenant ' || n, '{}' from generate_series(1, 6000) n`,
  `insert into crewline_tenant_spending (tenant, period) select tenant, 'period ' || n ${rows}`,
  `insert into crewline_audit (tenant, id, at, operation, resource, actor, status, times)
    select tenant, 'audit_' || lpad(n::text, 8, '0'), now() - (6000 - n) * interval '1 minute', 'crews.create', 'r' || n % 1000,
      'a' || n % 1000, 200, 1 ${rows}`
]

/** What deleted rows leave of statistics: the planner expects one row of many pages. */
const emptied = `update pg_class set reltuples = 1, relpages = 10000
  where relnamespace = 'public'::regnamespace and relname like 'crewline%' and relkind in ('r', 'i')`

const crew = { name: "name 3000", agents: {}, tasks: {} }
const provider = { name: "name 3000", kind: "ollama" } as const
const api = { name: "name 3000", hosts: [], operations: [] }
const agent = { name: "name 3000", role: "r", goal: "g" }
const principal = { ...Principal.local, tenant: "t" }
const periods = ["tenant:t, period 3000", "tenant:t, period 3002"]
const want = { inputTokens: 1, minOutputTokens: 1, maxOutputTokens: 1, inputNanoUsd: 0, outputNanoUsd: 0 }
const none = { tokens: 0, requests: 0, nanoUsd: 0 }
const page = { limit: 20 }

type Operation = readonly [name: string, run: Effect.Effect<unknown, unknown>, pages: number]

/** Each with the most pages that it may touch; those that read come first. */
const operations = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const agents = yield* Agents.AgentStore
  const audit = yield* AuditLog.AuditLog
  const budgets = yield* TenantBudgets.TenantBudgets
  const crews = yield* Crews.CrewStore
  const keys = yield* Keys.KeyStore
  const master = yield* MasterKeys.MasterKeys
  const providers = yield* Providers.ProviderStore
  const secrets = yield* Secrets.SecretStore
  const tickets = yield* Tickets.make

  const apis = yield* ToolApis.ToolApiStore
  const policies = yield* ToolPolicies.ToolPolicies

  const named = { crew: crews, agent: agents, provider: providers, secret: secrets, tool_api: apis }
  const reads = Object.entries(named).flatMap(([kind, store]): ReadonlyArray<Operation> => {
    const id = `${kind === "provider" ? "llm_provider" : kind}_00003000`
    return [
      [`${kind} by id`, store.get(id), 12],
      [`${kind} by name`, store.find("name 3000"), 12],
      [`newest page of ${kind}s`, store.list(page), 30],
      [`next page of ${kind}s`, store.list({ ...page, before: id }), 30],
      [`page of ${kind}s with a name`, store.list({ ...page, name: "name 3000" }), 12],
      [`next page of ${kind}s with a name`, store.list({ ...page, name: "name 3000", before: id }), 12]
    ]
  })
  const entry = "audit_00003000"
  const day = (of: number) => new Date(Date.now() - of * 86_400_000).toISOString()
  const all: ReadonlyArray<Operation> = [
    ...reads,
    ["key by id", keys.get("key_00003000"), 12],
    ["newest page of keys", keys.list(page), 30],
    ["next page of keys", keys.list({ ...page, before: "key_00003000" }), 30],
    ["key of a request", keys.standing(["prefix 3000"]), 12],
    ["whether there is a key", keys.isAnyStored, 6],
    ["providers to encrypt again", sql`select * from crewline_sealed_providers(${master.current})`, 12],
    ["secrets to encrypt again", sql`select * from crewline_sealed_secrets(${master.current})`, 12],
    ["newest page of the audit log", audit.list(page), 30],
    ["next page of the audit log", audit.list({ ...page, before: entry }), 30],
    ["page of a day", audit.list({ ...page, since: day(3), until: day(2) }), 30],
    ["page of an empty day", audit.list({ ...page, since: day(30), until: day(29) }), 12],
    ["entries of a resource", audit.list({ ...page, resource: "r500" }), 30],
    ["next entries of a resource", audit.list({ ...page, resource: "r500", before: entry }), 30],
    ["entries of a resource on a day", audit.list({ ...page, resource: "r500", since: day(3), until: day(2) }), 20],
    ["entries of an actor", audit.list({ ...page, actor: "a500" }), 30],
    ["next entries of an actor", audit.list({ ...page, actor: "a500", before: entry }), 30],
    ["entries of an actor on a day", audit.list({ ...page, actor: "a500", since: day(3), until: day(2) }), 20],
    ["search for old entries", audit.prune(Duration.days(90)), 40],
    ["budget", budgets.get, 20],
    ["tool policy", policies.get, 12],
    ["ticket that is taken", tickets.take(Redacted.make("hash")), 12],
    ["ticket", tickets.make(principal), 60],
    ["note that a key was used", keys.noteUse(["prefix 3000"]), 30],
    ["rotation of a key", keys.rotate("key_00003000", { by: "c" }), 60],
    ["revocation of a key", keys.revoke("key_00003000"), 30],
    ["new key", keys.create({ name: "n", role: "admin" }, "c"), 30],
    ["replacement of a crew", crews.replace("crew_00003000", crew, 1), 30],
    ["replacement of a crew at another version", crews.replace("crew_00003000", crew, 1), 30],
    ["replacement of an agent", agents.replace("agent_00003000", agent), 30],
    ["replacement of a provider", providers.replace("llm_provider_00003000", provider, {}), 60],
    [
      "replacement of a secret",
      secrets.replace("secret_00003000", { name: "name 3000" }, { value: Redacted.make("v") }),
      30
    ],
    ["replacement of an API", apis.replace("tool_api_00003000", api), 30],
    ["new API", apis.create({ ...api, name: "new" }), 30],
    ["deletion of an API", apis.remove("tool_api_00003000"), 20],
    ["new tool policy", policies.set({ deny: ["a"] }), 30],
    ["new crew", crews.create(crew), 30],
    ["new agent", agents.create(agent), 30],
    ["deletion of a crew", crews.remove("crew_00003000"), 20],
    ["deletion of an agent", agents.remove("agent_00003000"), 20],
    ["deletion of a provider", providers.remove("llm_provider_00003000"), 20],
    ["deletion of a secret", secrets.remove("secret_00003000"), 20],
    ["new provider", providers.create(provider), 30],
    ["new secret", secrets.create({ name: "name 3000" }, Redacted.make("v")), 30],
    ["entry of the audit log", audit.record({ tenant: "t", operation: "crews.create", status: 200 }), 30],
    ["limits", budgets.set({ day: { tokens: 1 } }), 30],
    ["no limits", budgets.remove, 20],
    [
      "reservation",
      budgets.further.store.reserve({ entries: periods.map((key) => ({ key, limit: {}, spent: none })), want }),
      50
    ],
    [
      "settlement",
      budgets.further.store.settle(
        { keys: periods, amount: { tokens: 1, requests: 1, nanoUsd: 0 } },
        { tokens: 1, requests: 1, nanoUsd: 0 }
      ),
      50
    ]
  ]
  return all
})

const touched = `select coalesce(sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0) +
    coalesce(toast_blks_read + toast_blks_hit + tidx_blks_read + tidx_blks_hit, 0)), 0)::int as pages
  from pg_statio_user_tables where relname like 'crewline%'`

const pagesOf = (sql: SqlClient.SqlClient) =>
  Effect.andThen(
    sql.unsafe("select pg_stat_force_next_flush()"),
    Effect.map(sql.unsafe<{ readonly pages: number }>(touched), ([row]) => row!.pages)
  )

describe.skipIf(missing !== undefined)(missing ?? "Pages", () => {
  for (const statistics of ["absent", "stale", "emptied", "fresh"] as const) {
    it.live(
      `are few with ${statistics} statistics`,
      () =>
        Effect.gen(function* () {
          const url = yield* PostgresServer.emptyDatabase
          url.searchParams.set("options", "-cplan_cache_mode=force_generic_plan")
          const database = Database.layer({ kind: "server", url: Redacted.make(url.href), maxConnections: 1 })
          const services = yield* Layer.build(stores.pipe(Layer.provideMerge(database)))
          const sql = Context.get(services, SqlClient.SqlClient)
          const asOwner = (...texts: ReadonlyArray<string>) =>
            ownerOf(sql)(Effect.forEach(texts, (text) => sql.unsafe(text)))
          const all = yield* Effect.provide(operations, services)
          const run = (operation: Operation[1]) => Effect.exit(Effect.provideService(operation, Tenant.Current, "t"))

          yield* asOwner(
            `do $$ declare t regclass; begin
            for t in select oid from pg_class where relname like 'crewline%' and relkind = 'r' loop
              execute format('alter table %s set (autovacuum_enabled = false)', t);
            end loop;
          end $$`
          )
          if (statistics === "stale" || statistics === "emptied") yield* asOwner("analyze")
          if (statistics === "emptied") yield* asOwner(emptied)
          for (const [, operation] of all) yield* run(operation)
          // Rows of the same keys follow.
          yield* asOwner(
            ...["llm_provider", "secret", "tenant_spending"].map((table) => `delete from crewline_${table}`)
          )
          const master = yield* Effect.provide(
            Effect.map(MasterKeys.MasterKeys, ({ current }) => current),
            services
          )
          yield* asOwner(...fill.map((text) => text.replaceAll("(select id from master)", `'${master}'`)))
          if (statistics === "fresh") yield* asOwner("analyze")
          const found: Record<string, number> = {}
          for (const [name, operation] of all) {
            const before = yield* pagesOf(sql)
            yield* run(operation)
            found[name] = (yield* pagesOf(sql)) - before
          }
          const tooMany = all.filter(([name, , most]) => found[name]! > most).map(([name]) => name)
          assert.deepStrictEqual(tooMany, [], JSON.stringify(found))
        }).pipe(Effect.scoped),
      60_000
    )
  }
})
