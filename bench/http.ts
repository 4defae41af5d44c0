/**
 * The cost of requests of the HTTP API: requests a second, and CPU of the server and of its
 * PostgreSQL sessions per request, in microseconds.
 *
 * - `get crew`; `get execution`: of 2 and of 10,000 tasks, while it runs and when it has ended.
 *   Beside it fastify with one prepared select by key, a pool of ten, and the same body sent as it
 *   is stored.
 * - `post execution`: a stored crew of one task, 50 at once, to the end of every execution; the
 *   model answers at once.
 *
 * Each arm is a separate server with a separate database. Rounds alternate between the arms, and a
 * row of ratios gives the medians of the rounds' ratios. `CREWLINE_BENCH_BASELINE=<checkout>` adds
 * an arm: another version of Crewline, installed there.
 *
 * With `--access 1` the server requires a key, and a second one has neither keys nor row security,
 * to measure the cost of both.
 *
 * `npm run -s bench -- http --json [--rounds 7] [--seconds 2] [--tasks 10000] [--access 0]`. Needs
 * Linux, and PostgreSQL on this machine at `TEST_DATABASE_URL`, default 127.0.0.1:5432.
 */
import * as FakeProvider from "@crewline/fake-provider/Process"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Postgres from "@crewline/memory-pg/Postgres"
import * as Redacted from "effect/Redacted"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import * as Client from "./Client.ts"
import * as CpuTime from "./CpuTime.ts"
import * as InlineCrew from "./InlineCrew.ts"
import type { Options, Report } from "./run.ts"
import * as ServeProcess from "./ServeProcess.ts"
import { median } from "./Quantile.ts"

export const options = { rounds: 7, seconds: 2, tasks: 10_000, access: 0 }

const atOnce = 50

interface Arm {
  readonly name: string
  readonly pid: number
  readonly databaseUrl: string
  readonly client: Client.Client
}

interface Figures {
  readonly perSecond: number
  readonly serverMicros: number
  readonly postgresMicros: number
}

interface Case {
  readonly name: string
  readonly tasks: number
  /** The repeated operation of an arm; an arm without it does not take part. */
  readonly calls: ReadonlyMap<Arm, () => Promise<unknown>>
  /** Awaited before the CPU is read. */
  readonly settle?: (arm: Arm) => Promise<void>
  /** Large bodies: one at a time would only measure how they queue. */
  readonly atOnce: number
}

const serveArm = (name: string, directory: string, provider: FakeProvider.Process, checkout?: string) =>
  Effect.gen(function* () {
    const databaseUrl = (yield* PostgresServer.emptyDatabase).href
    const server = yield* Effect.acquireRelease(
      Effect.promise(() =>
        ServeProcess.start({
          directory,
          env: { DATABASE_URL: databaseUrl, OPENAI_API_KEY: "none", OPENAI_BASE_URL: provider.baseURL },
          ...(checkout !== undefined && { checkout })
        })
      ),
      (started) => Effect.promise(started.stop)
    )
    const client = Client.make(server.url)
    yield* Effect.addFinalizer(() => Effect.sync(client.close))
    return { name, pid: server.pid, databaseUrl, client } satisfies Arm
  })

/** Once a first key exists, a server requires one. */
const withKey = (arm: Arm): Effect.Effect<Arm> =>
  Effect.promise(async () => {
    const made = await arm.client.post("/api/v1/keys", { name: "bench", role: "admin" })
    return { ...arm, client: Client.make(arm.client.url, Client.field(made, "key")) }
  })

/** Row security switched off in the database of an arm. */
const withoutRowSecurity = (arm: Arm): Effect.Effect<Arm, SqlError> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const tables = yield* sql<{ readonly name: string }>`select relname as name from pg_class where relrowsecurity`
    for (const { name } of tables) yield* sql`alter table ${sql(name)} disable row level security`
    return arm
  }).pipe(Effect.provide(Layer.fresh(Postgres.layer({ url: Redacted.make(arm.databaseUrl) }))))

/** Serves these bodies by key. */
const fastifyArm = (bodies: ReadonlyMap<string, Buffer>) =>
  Effect.gen(function* () {
    const databaseUrl = (yield* PostgresServer.emptyDatabase).href
    yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`create table stored (key text primary key, body text not null)`
      for (const [key, body] of bodies) yield* sql`insert into stored (key, body) values (${key}, ${body.toString()})`
    }).pipe(Effect.provide(Postgres.layer({ url: Redacted.make(databaseUrl) })))
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [join(import.meta.dirname, "FastifyServer.mjs"), databaseUrl], {
          stdio: ["ignore", "pipe", "inherit"]
        })
      ),
      (started) => Effect.sync(() => started.kill())
    )
    const [url] = (yield* Effect.promise(() => once(child.stdout, "data"))) as [Buffer]
    const client = Client.make(url.toString().trim())
    yield* Effect.addFinalizer(() => Effect.sync(client.close))
    return { name: "fastify", pid: child.pid!, databaseUrl, client } satisfies Arm
  })

/** Crews and executions that every arm of Crewline has. */
const prepare = async ({ client, name }: Arm, tasks: number) => {
  const started = performance.now()
  const start = async (body: object) => Client.field(await client.post("/api/v1/executions", body), "id")
  const crew = Client.field(await client.post("/api/v1/crews", InlineCrew.make("one", 1)), "id")
  const paths: Record<string, string> = { crew: `/api/v1/crews/${crew}` }
  for (const size of [2, tasks])
    paths[`ended ${size}`] = `/api/v1/executions/${await start({ crew: InlineCrew.make("ended", size) })}`
  await Client.untilQuiet(client)
  for (const size of [2, tasks]) {
    const running = await start({ crew: InlineCrew.make("running", size, { isChain: true, text: "[[never]]" }) })
    paths[`running ${size}`] = `/api/v1/executions/${running}`
  }
  process.stderr.write(`${name}: prepared in ${((performance.now() - started) / 1_000).toFixed(1)} s\n`)
  return { crew, paths }
}

/** Cancels executions that would not end otherwise. */
const cancelAll = async (client: Client.Client) => {
  const page = await client.get("/api/v1/executions?status=pending,running&limit=10")
  const { items } = JSON.parse(page.toString()) as { readonly items: ReadonlyArray<{ readonly id: string }> }
  for (const { id } of items) await client.post(`/api/v1/executions/${id}/cancel`, {})
}

const measure = async (arm: Arm, { atOnce, calls, settle }: Case, seconds: number): Promise<Figures> => {
  const sessions = await CpuTime.ofSessions(arm.databaseUrl)
  const before = CpuTime.ofProcess(arm.pid)
  const done = await Client.forSeconds(seconds, atOnce, calls.get(arm)!)
  await settle?.(arm)
  const serverMicros = (CpuTime.ofProcess(arm.pid) - before) / done.calls
  const postgresMicros = (await CpuTime.since(arm.databaseUrl, sessions)) / done.calls
  return { perSecond: done.calls / done.seconds, serverMicros, postgresMicros }
}

/** The rounds of one case, each with another arm first; the first round warms up. */
const compare = async (each: Case, { rounds, seconds }: { readonly rounds: number; readonly seconds: number }) => {
  const found = new Map<Arm, Array<Figures>>([...each.calls.keys()].map((arm) => [arm, []]))
  const arms = [...found.keys()]
  for (let round = 0; round <= rounds; round++) {
    for (let at = 0; at < arms.length; at++) {
      const arm = arms[(round + at) % arms.length]!
      const figures = await measure(arm, each, round === 0 ? 2 * seconds : seconds)
      if (round > 0) found.get(arm)!.push(figures)
    }
  }
  return found
}

const tell = (report: Report, { name, tasks }: Case, found: ReadonlyMap<Arm, ReadonlyArray<Figures>>) => {
  const row = { bench: "http", case: name, tasks }
  const middle = (figures: ReadonlyArray<Figures>, of: (each: Figures) => number) =>
    Number(median(figures.map(of)).toPrecision(4))
  for (const [arm, figures] of found) {
    report({
      ...row,
      arm: arm.name,
      "req/s": middle(figures, ({ perSecond }) => perSecond),
      serverMicros: middle(figures, ({ serverMicros }) => serverMicros),
      postgresMicros: middle(figures, ({ postgresMicros }) => postgresMicros)
    })
  }
  const [[, ours] = [undefined, []], ...others] = found
  for (const [arm, theirs] of others) {
    const ratios = (of: (each: Figures) => number) => ours.map((figures, round) => of(figures) / of(theirs[round]!))
    const server = ratios(({ serverMicros }) => serverMicros)
    report({
      ...row,
      over: arm.name,
      server: Number(median(server).toFixed(3)),
      serverMin: Number(Math.min(...server).toFixed(3)),
      serverMax: Number(Math.max(...server).toFixed(3)),
      postgres: Number(median(ratios(({ postgresMicros }) => postgresMicros)).toFixed(3))
    })
  }
}

const main = Effect.fnUntraced(function* (report: Report, given: typeof options) {
  if (PostgresServer.missing !== undefined) return yield* Effect.die(new Error(PostgresServer.missing))
  const { tasks } = given
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "crewline-bench-"))),
    (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
  )
  const provider = yield* Effect.acquireRelease(
    Effect.promise(() => FakeProvider.start()),
    (started) => Effect.sync(started.stop)
  )
  const baseline = process.env["CREWLINE_BENCH_BASELINE"]
  const first = yield* serveArm("crewline", directory, provider)
  const servers: Array<Arm> = [given.access > 0 ? yield* withKey(first) : first]
  if (given.access > 0) servers.push(yield* withoutRowSecurity(yield* serveArm("open", directory, provider)))
  if (baseline !== undefined) servers.push(yield* serveArm("baseline", directory, provider, baseline))
  const prepared = new Map<Arm, Awaited<ReturnType<typeof prepare>>>()
  for (const arm of servers) prepared.set(arm, yield* Effect.promise(() => prepare(arm, tasks)))

  const { paths } = prepared.get(servers[0]!)!
  const bodies = new Map<string, Buffer>()
  for (const [name, path] of Object.entries(paths))
    bodies.set(name, yield* Effect.promise(() => servers[0]!.client.get(path)))
  const fastify = yield* fastifyArm(bodies)
  const gets = Object.keys(paths).map((name): Case => {
    const size = Number(/\d+$/.exec(name)?.[0] ?? 1)
    return {
      name: name === "crew" ? "get crew" : `get execution, ${name.replace(/ \d+$/, "")}`,
      tasks: size,
      atOnce: size > 100 ? 4 : atOnce,
      calls: new Map<Arm, () => Promise<unknown>>([
        ...servers.map((arm) => [arm, () => arm.client.get(prepared.get(arm)!.paths[name]!)] as const),
        [fastify, () => fastify.client.get(`/${encodeURIComponent(name)}`)]
      ])
    }
  })
  const posting = [1, atOnce].map((count): Case => ({
    name: `post execution, ${count} at once`,
    tasks: 1,
    atOnce: count,
    calls: new Map(
      servers.map((arm) => [arm, () => arm.client.post("/api/v1/executions", { crewId: prepared.get(arm)!.crew })])
    ),
    settle: (arm) => Client.untilQuiet(arm.client)
  }))
  for (const each of gets) tell(report, each, yield* Effect.promise(() => compare(each, given)))
  for (const { client } of servers) yield* Effect.promise(() => cancelAll(client))
  for (const each of posting) tell(report, each, yield* Effect.promise(() => compare(each, given)))
})

export const run = (report: Report, given: Options): Promise<void> =>
  Effect.runPromise(Effect.scoped(main(report, { ...options, ...given })))
