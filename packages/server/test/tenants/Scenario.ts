/**
 * Every operation of two tenants on stored data, one after another, with the same ids, names and
 * keys wherever they choose them, and with the ids of the other tenant wherever they do not.
 * Returns the results, without times and with numbered ids.
 */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Outbox from "@crewline/core/Outbox"
import * as Tenant from "@crewline/core/Tenant"
import * as Database from "@crewline/memory-pg/Database"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"
import * as PgWorkspace from "@crewline/memory-pg/PgWorkspace"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as EmptyDatabase from "../../../memory-pg/test/EmptyDatabase.ts"
import * as AuditLog from "../../src/AuditLog.ts"
import * as Tickets from "../../src/Credentials/Tickets.ts"
import * as Migrations from "../../src/Migrations.ts"
import * as Principal from "../../src/Principal.ts"
import * as AgentStore from "../../src/ResourceStore/Agents.ts"
import * as CrewStore from "../../src/ResourceStore/Crews.ts"
import * as KeyStore from "../../src/ResourceStore/Keys.ts"
import * as TenantBudgets from "../../src/TenantBudgets.ts"
import * as Memories from "./Memories.ts"

const plan = { version: 1, name: "crew", process: "parallel", agents: {}, tasks: [], inputs: {} } as const
const usage = { requests: 0, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, costUsd: 0 }
const started: ExecutionEvent.ExecutionStarted = { type: "ExecutionStarted", plan }
const claimed = (taskId: string): ExecutionEvent.Draft => ({
  type: "TaskStarted",
  taskId,
  run: 1,
  attempt: 1,
  crashes: 0,
  worker: "w"
})
const completed = (taskId: string, output: string): ExecutionEvent.Draft => ({
  type: "TaskCompleted",
  taskId,
  run: 1,
  output
})
const asking: ExecutionEvent.Draft = {
  type: "TaskSuspended",
  taskId: "b",
  run: 1,
  for: { kind: "calls", turn: 1 },
  waits: { groups: [] },
  spawn: [],
  asks: [{ id: "ask", kind: "approval", title: "t", shown: null, hash: "h", onSilence: "deny", answerableBy: [] }]
}
const answered: ExecutionEvent.Draft = {
  type: "AskAnswered",
  ask: "ask",
  taskId: "b",
  answer: "deny",
  hash: "h",
  by: { name: "Ada" }
}
const ended: ExecutionEvent.Draft = { type: "ExecutionEnded", status: "completed", usage }
const outbox = { leaseMillis: 0, rows: [{ consumer: "c", event: 0, part: 0 }] }

/** Values given to tenants that contain a number shared by all tenants. */
interface Given {
  /** Cursors of the feed. */
  readonly cursors: Set<string>
  /** Ids of rows of the outbox. */
  readonly rows: Set<string>
}

/** Operations of the log, on an execution id used by both tenants. */
const logged = Effect.fnUntraced(function* ({ cursors, rows }: Given) {
  const log = yield* EventLog.EventLog
  const tenant = yield* Tenant.Current
  const idempotency = { key: "key", requestHash: "hash" }
  const view = { format: 1, head: `head of ${tenant}`, parts: [{ first: 0, lengths: [1], text: `part of ${tenant}` }] }
  const box = yield* Outbox.Outbox
  const dead = [{ tenant, executionId: "x", seq: 3, part: 0, error: "e" }]
  const looks = [
    Effect.tap(log.readFeed(), (page) =>
      Effect.sync(() => {
        for (const { cursor } of page) cursors.add(cursor)
      })
    ),
    // From its own places and from those of the other tenant.
    Effect.suspend(() =>
      Effect.forEach([...cursors], (after) =>
        Effect.map(Effect.exit(log.readFeed({ after, limit: 2 })), (exit) =>
          Exit.isSuccess(exit) ? exit.value.map(({ event }) => event) : outcomeOf(exit)
        )
      )
    ),
    log.read("x"),
    log.read("x", { taskId: "a" }),
    log.outputs("x", ["a", "b"]),
    log.signals("x", ["s"]),
    log.spawned("x", ["c"]),
    log.asks(),
    log.asks({ executionId: "x" }),
    log.asks({ after: { executionId: "x", id: "ask" } }),
    log.ask("x", "ask"),
    log.summary("x"),
    log.view("x", { format: 1 }),
    log.list(),
    log.list({ before: "x" }),
    Effect.tap(box.list(), (page) =>
      Effect.sync(() => {
        for (const { id } of page) rows.add(id)
      })
    )
  ]
  return [
    [
      log.start("x", started, { idempotency }),
      log.start("x", started, { idempotency }),
      log.start("y", started, { idempotency }),
      log.start("x", started),
      log.append("x", [claimed("a")], { nonce: "n" }),
      log.append("x", [claimed("a")], { nonce: "n" }),
      log.append("x", [{ type: "SignalReceived", signal: "s", value: `signal of ${tenant}` }], { outbox }),
      box.settle(dead),
      log.append("x", [completed("a", `${tenant} `.repeat(20_000))]),
      log.append("x", [completed("a", "again")]),
      log.append("x", [asking]),
      ...looks
    ],
    [
      Effect.suspend(() => Effect.forEach([...rows], (id) => box.retry(id))),
      log.append("x", [answered]),
      ...looks,
      log.append("x", [ended]),
      log.keepView("x", view),
      ...looks
    ],
    [log.remove("x"), log.remove("x"), ...looks],
    // The feed of one tenant has expired up to here.
    [
      log.start("z", started),
      log.append("z", [ended]),
      log.prune({ endedForMillis: 0, limit: 10, rememberMillis: 60_000, tenant: "acme" }),
      ...looks
    ]
  ] as const
})

interface Ids {
  readonly agent: string
  readonly crew: string
  readonly key: string
}

/** Operations on stored resources, with the ids of this tenant or of the other. */
const stored = Effect.gen(function* () {
  const [agents, crews] = [yield* AgentStore.AgentStore, yield* CrewStore.CrewStore]
  const [audit, budgets] = [yield* AuditLog.AuditLog, yield* TenantBudgets.TenantBudgets]
  const keys = yield* KeyStore.KeyStore
  const tickets = yield* Tickets.make
  const tenant = yield* Tenant.Current
  const agent = { name: "n", role: `role of ${tenant}`, goal: "g" }
  const crew = { name: "c", agents: { a: agent }, tasks: {} } as never
  const { store } = budgets.further
  const key = `tenant:${tenant}, 2026-11`
  const spent = { tokens: 0, requests: 0, nanoUsd: 0 }
  const want = { inputTokens: 3, minOutputTokens: 1, maxOutputTokens: 4, inputNanoUsd: 0, outputNanoUsd: 0 }
  const spend = Effect.gen(function* () {
    const reserved = yield* store.reserve({ want, entries: [{ key, limit: { tokens: 10 }, spent }] })
    if (reserved._tag === "Reserved") yield* store.settle(reserved.reservation, { ...spent, tokens: 2 })
    return reserved
  })
  const looks = (ids: Ids) => [
    agents.get(ids.agent),
    crews.get(ids.crew),
    keys.get(ids.key),
    agents.replace(ids.agent, agent),
    crews.replace(ids.crew, crew, 7),
    agents.find("n"),
    agents.list({ limit: 10 }),
    crews.list({ limit: 10, name: "c" }),
    keys.list({ limit: 10 }),
    budgets.get,
    audit.list({ limit: 10, before: undefined })
  ]
  return {
    make: Effect.all({
      agent: Effect.map(agents.create(agent), ({ id }) => id),
      crew: Effect.map(crews.create(crew), ({ id }) => id),
      key: Effect.map(keys.create({ name: "k", role: "viewer" }, "test"), ({ stored }) => stored.id)
    }),
    looks,
    changes: (ids: Ids) => [
      Effect.andThen(budgets.set({ day: { tokens: 5 } }), budgets.get),
      spend,
      budgets.get,
      Effect.map(keys.rotate(ids.key, { by: "test" }), ({ stored }) => stored.name),
      Effect.map(tickets.make({ ...Principal.anonymous, tenant }), () => "a ticket"),
      ...looks(ids)
    ],
    ends: (ids: Ids) => [
      keys.revoke(ids.key),
      agents.remove(ids.agent),
      crews.remove(ids.crew),
      budgets.remove,
      ...looks(ids)
    ]
  }
})

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit)
    ? exit.value instanceof Map
      ? [...exit.value]
      : exit.value
    : Cause.pretty(exit.cause).split("\n")[0]

/** What is run one after the other; each part would do without the others. */
export const parts = ["log", "files", "words", "meaning", "stored"] as const
export type Part = (typeof parts)[number]

const tenants = ["acme", "globex"]
const as = <A, E, R>(tenant: string, effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Tenant.Current, tenant)

/** Runs these parts on the current database. */
const run = Effect.fnUntraced(function* (wanted: ReadonlyArray<Part>) {
  const found: Array<readonly [tenant: string, step: string, outcome: unknown]> = []
  const each = (tenant: string, name: string, steps: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
    Effect.forEach(steps, (step, at) =>
      Effect.map(Effect.exit(as(tenant, step)), (exit) => found.push([tenant, `${name} ${at}`, outcomeOf(exit)]))
    )
  const inTurn = Effect.fnUntraced(function* (name: Part, stepsOf: (tenant: string) => ReadonlyArray<Memories.Steps>) {
    const steps = tenants.map(stepsOf)
    for (const step of steps[0]!.keys())
      for (const [at, tenant] of tenants.entries()) yield* each(tenant, `${name} ${step}`, steps[at]![step]!())
  })
  const given: Given = { cursors: new Set(), rows: new Set() }
  const memoriesBy = yield* Memories.make
  const all = {
    log: Effect.gen(function* () {
      for (const part of [0, 1, 2, 3] as const)
        for (const tenant of tenants) yield* each(tenant, `log ${part}`, (yield* as(tenant, logged(given)))[part])
    }),
    files: inTurn("files", yield* Memories.filesOf),
    words: inTurn("words", memoriesBy("words")),
    meaning: inTurn("meaning", memoriesBy("meaning")),
    stored: Effect.gen(function* () {
      const parts = yield* Effect.forEach(tenants, (tenant) => as(tenant, stored))
      const ids = yield* Effect.forEach(parts, ({ make }, at) => as(tenants[at]!, make))
      for (const step of ["looks", "changes", "ends"] as const) {
        for (const [at, tenant] of tenants.entries()) {
          yield* each(tenant, `${step}, of the other`, parts[at]![step](ids[1 - at]!))
          yield* each(tenant, `${step}, of its own`, parts[at]![step](ids[at]!))
        }
      }
    })
  } satisfies Record<Part, unknown>
  for (const part of wanted) yield* all[part]
  const numbers = new Map<string, string>()
  // Sums of numbers may be in another order.
  return JSON.stringify(found, (_, value) => (typeof value === "number" ? Number(value.toPrecision(9)) : value))
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "time")
    .replaceAll(/\d{13}(?=\.\d+\.\d+\.[xyz]")/g, "time")
    .replaceAll(/(agent|crew|key)_[0-9a-f]{32}/g, (id) => {
      if (!numbers.has(id)) numbers.set(id, `id ${numbers.size}`)
      return numbers.get(id)!
    })
    .replaceAll(/crewline_[0-9a-f]{12}/g, "prefix")
    .replaceAll(/(?<="cursor":")[^"]+/g, (cursor) => `cursor ${[...given.cursors].indexOf(cursor)}`)
    .replaceAll(/(\w+ )\1{99,}/g, "$1…")
})

const services = Layer.mergeAll(
  PgEventLog.layerWith({ hints: false, outputsLength: 0 }),
  AgentStore.layer,
  CrewStore.layer,
  KeyStore.layer,
  TenantBudgets.layer(),
  AuditLog.layer,
  PgWorkspace.layer({ maxTotalBytes: Memories.maxTotalBytes })
)

/**
 * Runs parts on a separate embedded database, either with the role of connections or as the owner,
 * to whom no policy applies.
 */
export const onDatabase = (wanted: ReadonlyArray<Part>, asOwner: boolean): Effect.Effect<string, unknown> =>
  Effect.gen(function* () {
    const loadDataDir = yield* Effect.promise(EmptyDatabase.dump)
    const database = Migrations.layer.pipe(
      Layer.provideMerge(Database.layer({ kind: "memory", loadDataDir, vectors: true }))
    )
    return yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      if (asOwner) yield* sql`set role none`
      return yield* run(wanted)
    }).pipe(Effect.scoped, Effect.provide(services.pipe(Layer.provideMerge(database))))
  })
