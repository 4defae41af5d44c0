/**
 * The cost of the memory of PostgreSQL against the same SQL by hand. Each statement that the memory
 * sends is recorded and replayed unchanged on a second database with the same rows: the difference
 * is the work of the memory itself, which is checking, terms, ranking and reading of rows. Both
 * alternate, so that load on the machine affects both equally. Each operation is measured by itself
 * after a warm-up of both: otherwise one arm would follow what the other has just read.
 *
 * A row for each number of memories in a scope: milliseconds by the median (bulk: for 100
 * memories), and ratios.
 */
import * as Memory from "@crewline/core/Memory"
import * as Database from "@crewline/memory-pg/Database"
import * as PgMemory from "@crewline/memory-pg/PgMemory"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import { median } from "./Quantile.ts"
import type { Report } from "./run.ts"

/** Memories of one `remember` when filling. */
const batchSize = 100
const repetitions = { recall: 40, remember: 200, bulk: 40, warmUp: 50 }
const scope = { crew: "c" }
const elsewhere = { crew: "warm-up" }

/** Words by Zipf's law: few are in many memories, most of them in few. */
const textOf = (seed: number): string => {
  let state = (seed * 2_654_435_761) >>> 0
  const words = Array.from({ length: 14 }, () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    return `word${Math.floor(Math.exp((state / 2 ** 32) * Math.log(20_000)))}`
  })
  return `${words.join(" ")} number${seed}`
}
const entriesOf = (from: number, count: number, of = scope) =>
  Array.from({ length: count }, (_, index): Memory.Remembered => ({
    kind: "long-term",
    scope: of,
    text: textOf(from + index)
  }))
/** Five words that one memory has. */
const questionOf = (seed: number): string => textOf(seed).split(" ").slice(0, 5).join(" ")

interface Statement {
  readonly text: string
  readonly params: ReadonlyArray<unknown>
}

/** The client, recording the statements that it sends. */
const recording = (sql: SqlClient.SqlClient, sent: Array<Statement>): SqlClient.SqlClient =>
  new Proxy(sql, {
    get: (target, property, receiver) =>
      property === "unsafe"
        ? (text: string, params: ReadonlyArray<unknown> = []) => {
            sent.push({ text, params })
            return target.unsafe(text, params)
          }
        : Reflect.get(target, property, receiver)
  })

const opened = Effect.gen(function* () {
  const [url, other] = [yield* PostgresServer.emptyDatabase, yield* PostgresServer.emptyDatabase]
  const sent: Array<Statement> = []
  const hand = Context.get(
    yield* Layer.build(Layer.fresh(Database.layer(PostgresServer.optionsOf(other)))),
    SqlClient.SqlClient
  )
  const recorded = Layer.effect(
    SqlClient.SqlClient,
    Effect.map(SqlClient.SqlClient, (sql) => recording(sql, sent))
  ).pipe(Layer.provide(Database.layer(PostgresServer.optionsOf(url))))
  const memory = Context.get(yield* Layer.build(Layer.provide(PgMemory.layer, recorded)), Memory.Memory)
  return { hand, memory, sent }
})

/** Milliseconds of the memory, and of the same statements by hand afterwards. */
const both = Effect.fnUntraced(function* (
  { hand, sent }: Effect.Success<typeof opened>,
  run: Effect.Effect<unknown, unknown>
) {
  sent.length = 0
  let start = performance.now()
  yield* run
  const ours = performance.now() - start
  const statements = [...sent]
  start = performance.now()
  for (const { params, text } of statements) yield* hand.unsafe(text, params)
  return { ours, byHand: performance.now() - start }
})

type Times = Effect.Success<ReturnType<typeof both>>

const figures = (name: string, all: ReadonlyArray<Times>) => ({
  [name]: median(all.map(({ ours }) => ours)),
  [`${name}ByHand`]: median(all.map(({ byHand }) => byHand)),
  [`${name}Ratio`]: median(all.map(({ ours }) => ours)) / median(all.map(({ byHand }) => byHand))
})

const repeated = (times: number, one: (index: number) => Effect.Effect<Times, unknown>) =>
  Effect.forEach(Array.from({ length: times }).keys(), one)

/** In another scope, which the measured ones do not see. */
const warmUp = (site: Effect.Success<typeof opened>) =>
  repeated(
    repetitions.warmUp,
    Effect.fnUntraced(function* (index) {
      yield* both(site, site.memory.remember(entriesOf(index * batchSize, batchSize, elsewhere)))
      yield* both(site, site.memory.remember(entriesOf(1_000_000 + index, 1, elsewhere)))
      return yield* both(site, site.memory.recall({ text: questionOf(index), scope: elsewhere }))
    })
  )

/** Reports each number of memories up to `most`: 1,000, 10,000, 100,000. */
export const run = (report: Report, most: number): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const site = yield* opened
    const { memory } = site
    yield* warmUp(site)
    let count = 0
    for (const size of [1_000, 10_000, 100_000].filter((size) => size <= most)) {
      const bulk: Array<Times> = []
      for (; count < size; count += batchSize)
        bulk.push(yield* both(site, memory.remember(entriesOf(count, batchSize))))
      for (let index = bulk.length; index < repetitions.bulk; index++)
        bulk.push(yield* both(site, memory.remember(entriesOf(2_000_000 + index * batchSize, batchSize, elsewhere))))
      const recall = yield* repeated(repetitions.recall, (index) =>
        both(site, memory.recall({ text: questionOf((index * 7_919) % size), scope }))
      )
      const remember = yield* repeated(repetitions.remember, (index) =>
        both(site, memory.remember(entriesOf(1_000_000 + count + index, 1)))
      )
      report({
        bench: "memory",
        case: "storage",
        memories: size,
        ...figures("recall", recall),
        ...figures("remember", remember),
        ...figures("bulk", bulk)
      })
    }
  }).pipe(Effect.scoped)
