/**
 * The contract of every outbox, whatever its storage: each sentence of `Outbox`'s module comment as
 * tests, with the event log that it belongs to.
 *
 *     OutboxContract.suite("PgEventLog on PGlite", layer)
 *
 * Every test has separate consumers and executions, so the storage may be in use by others. The
 * tests run on the real clock.
 *
 * @see Outbox
 */
import { assert, layer as withLayer } from "@effect/vitest"
import type { Vitest } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as EventLog from "../EventLog.ts"
import type { Draft } from "../ExecutionEvent.ts"
import * as Outbox from "../Outbox.ts"
import * as Tenant from "../Tenant.ts"
import * as Story from "./EventLogContract/Story.ts"

export interface Options {
  /** How long the layer may take to open; default a minute. */
  readonly timeout?: Duration.Input
}

type It = Vitest.MethodsNonLive<EventLog.EventLog | Outbox.Outbox>

/** Declares the suite; call it at the top of a test file or inside a `describe`. */
export const suite = <E>(
  name: string,
  layer: Layer.Layer<EventLog.EventLog | Outbox.Outbox, E>,
  options: Options = {}
): void =>
  withLayer(layer, { excludeTestServices: true, timeout: options.timeout ?? "1 minute" })(name, (it) => {
    storing(it)
    claiming(it)
    settling(it)
    listing(it)
    naming(it)
    retrying(it)
  })

const hour = 3_600_000

/** Appends these drafts with a row for each one that `events` lists. */
const append = Effect.fnUntraced(function* (
  executionId: string,
  drafts: ReadonlyArray<Draft>,
  options: {
    readonly consumer: string
    readonly events?: ReadonlyArray<number>
    readonly leaseMillis?: number
  } & Omit<EventLog.AppendOptions, "outbox">
) {
  const log = yield* EventLog.EventLog
  const { consumer, events = [0], leaseMillis = 0, ...more } = options
  const rows = events.map((event, index) => ({
    event,
    part: events.slice(0, index).filter((each) => each === event).length,
    consumer
  }))
  return yield* log.append(executionId, Story.all(drafts), { ...more, outbox: { rows, leaseMillis } })
})

const claim = (consumer: string, options: { readonly limit?: number; readonly leaseMillis?: number } = {}) =>
  Effect.flatMap(Outbox.Outbox, (outbox) =>
    outbox.claim({ consumers: [consumer], limit: 100, leaseMillis: hour, ...options })
  )

const settle = (...rows: ReadonlyArray<Outbox.Settled>) =>
  Effect.flatMap(Outbox.Outbox, (outbox) => outbox.settle(rows))

/** In the order of their events. */
const placesOf = (rows: ReadonlyArray<Pick<Outbox.Row, "seq" | "part">>) =>
  rows.toSorted((a, b) => a.seq - b.seq || a.part - b.part).map(({ part, seq }) => [seq, part])

/** Of one execution. */
const viewsOf = (executionId: string) =>
  Effect.gen(function* () {
    const outbox = yield* Outbox.Outbox
    return (yield* outbox.list({ limit: 200 })).filter((view) => view.executionId === executionId)
  })

const storing = (it: It): void => {
  it.effect("rows are stored with their events, under the numbers of those, or neither is", () =>
    Effect.gen(function* () {
      const consumer = yield* Story.fresh("consumer")
      const id = yield* Story.begin
      yield* append(id, [Story.taskStarted("a")], { consumer })
      yield* append(id, [Story.turn("a", 1), Story.completed("a"), Story.completed("b")], {
        consumer,
        events: [2, 1, 2]
      })
      const refused = yield* Story.reasonOf(
        append(id, [Story.completed("a"), Story.completed("c")], { consumer, events: [1] })
      )
      assert.strictEqual(refused._tag, "AlreadySettled")
      const conflict = yield* Story.reasonOf(append(id, [Story.completed("c")], { consumer, expectVersion: 1 }))
      assert.strictEqual(conflict._tag, "Conflict")
      assert.deepStrictEqual(placesOf(yield* claim(consumer)), [
        [2, 0],
        [4, 0],
        [5, 0],
        [5, 1]
      ])
    })
  )

  it.effect("a repeated append stores its rows once; known turns do not move rows to other events", () =>
    Effect.gen(function* () {
      const consumer = yield* Story.fresh("consumer")
      const id = yield* Story.begin
      const log = yield* EventLog.EventLog
      for (let n = 0; n < 2; n++) yield* append(id, [Story.taskStarted("a")], { consumer, nonce: "once" })
      yield* log.append(id, [Story.turn("a", 1)])
      yield* append(id, [Story.turn("a", 1), Story.turn("a", 2), Story.completed("a")], { consumer, events: [2] })
      assert.deepStrictEqual(placesOf(yield* claim(consumer)), [
        [2, 0],
        [5, 0]
      ])
    })
  )

  it.effect("deleting an execution deletes its rows", () =>
    Effect.gen(function* () {
      const consumer = yield* Story.fresh("consumer")
      const id = yield* Story.begin
      const log = yield* EventLog.EventLog
      yield* append(id, [Story.completed("a"), Story.ended()], { consumer })
      yield* log.remove(id)
      assert.deepStrictEqual(yield* claim(consumer), [])
      assert.deepStrictEqual(yield* viewsOf(id), [])
    })
  )
}

const claiming = (it: It): void => {
  it.effect("storing or claiming a row reserves it for the given time", () =>
    Effect.gen(function* () {
      const consumer = yield* Story.fresh("consumer")
      const id = yield* Story.begin
      yield* append(id, [Story.taskStarted("a")], { consumer, leaseMillis: hour })
      assert.deepStrictEqual(yield* claim(consumer), [])
      yield* append(id, [Story.completed("a")], { consumer })
      const [row, ...others] = yield* claim(consumer, { leaseMillis: 0 })
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual(row, { tenant: "default", executionId: id, seq: 3, part: 0, consumer, attempts: 2 })
      assert.deepStrictEqual(
        (yield* claim(consumer)).map(({ attempts }) => attempts),
        [3]
      )
      assert.deepStrictEqual(yield* claim(consumer), [])
    })
  )

  it.effect("rows of the named consumers are claimed oldest first, each by one of many concurrent claims", () =>
    Effect.gen(function* () {
      const consumer = yield* Story.fresh("consumer")
      const other = yield* Story.fresh("other")
      const id = yield* Story.begin
      yield* append(id, [Story.taskStarted("z")], { consumer: other })
      for (const n of Story.upTo(20)) yield* append(id, [Story.completed(`t${n}`)], { consumer })
      assert.deepStrictEqual(
        (yield* claim(consumer, { limit: 3 })).map(({ seq }) => seq),
        [3, 4, 5]
      )
      const claims = yield* Effect.forEach(Story.upTo(8), () => claim(consumer, { limit: 4 }), {
        concurrency: "unbounded"
      })
      const seqs = claims.flat().map(({ seq }) => seq)
      assert.strictEqual(new Set(seqs).size, seqs.length)
      const rest = yield* claim(consumer)
      assert.deepStrictEqual(
        [...seqs, ...rest.map(({ seq }) => seq)].sort((a, b) => a - b),
        Story.upTo(17).map((n) => n + 5)
      )
      assert.deepStrictEqual(placesOf(yield* claim(other)), [[2, 0]])
    })
  )

  it.effect("rows of every tenant are claimed and settled; each tenant sees its own", () =>
    Effect.gen(function* () {
      const consumer = yield* Story.fresh("consumer")
      const tenants = [yield* Story.fresh("tenant"), yield* Story.fresh("tenant")]
      for (const tenant of tenants)
        yield* Story.inTenant(tenant)(
          Effect.flatMap(Story.begin, (id) => append(id, [Story.taskStarted("a")], { consumer }))
        )
      const outbox = yield* Outbox.Outbox
      const rows = yield* claim(consumer)
      assert.deepStrictEqual(rows.map(({ tenant }) => tenant).sort(), [...tenants].sort())
      for (const { executionId, tenant } of rows) {
        const seen = yield* Story.inTenant(tenant)(outbox.list())
        assert.deepStrictEqual(
          seen.map((view) => view.executionId),
          [executionId]
        )
      }
      yield* settle({ ...rows[0]!, tenant: rows[1]!.tenant })
      yield* settle(rows[1]!)
      assert.lengthOf(yield* Effect.provideService(outbox.list(), Tenant.Current, rows[0]!.tenant), 1)
      assert.lengthOf(yield* Effect.provideService(outbox.list(), Tenant.Current, rows[1]!.tenant), 0)
    })
  )
}

const settling = (it: It): void => {
  it.effect(
    "served rows are deleted; failed rows are retried later; dead letters are not, and contain the reason",
    () =>
      Effect.gen(function* () {
        const consumer = yield* Story.fresh("consumer")
        const id = yield* Story.begin
        yield* append(id, [Story.completed("a"), Story.completed("b"), Story.completed("c"), Story.completed("d")], {
          consumer,
          events: [0, 1, 2, 3]
        })
        const [done, again, later, dead] = yield* claim(consumer)
        yield* settle(
          done!,
          { ...again!, error: "It rained.", delayMillis: 0 },
          { ...later!, error: "It snowed.", delayMillis: hour },
          { ...dead!, error: "It \u2744 ended." }
        )
        assert.deepStrictEqual(
          (yield* claim(consumer)).map(({ attempts, seq }) => [seq, attempts]),
          [[again!.seq, 3]]
        )
        const views = yield* viewsOf(id)
        assert.deepStrictEqual(
          views.map(({ attempts, error, nextAt, seq, state }) => [seq, state, attempts, error, nextAt === undefined]),
          [
            [again!.seq, "pending", 3, "It rained.", false],
            [later!.seq, "pending", 2, "It snowed.", false],
            [dead!.seq, "dead", 2, "It \u2744 ended.", true]
          ]
        )
        yield* settle(done!, dead!)
        assert.lengthOf(yield* viewsOf(id), 2)
      })
  )

  it.effect("an append settles the served rows of its execution only, even if it is refused", () =>
    Effect.gen(function* () {
      const consumer = yield* Story.fresh("consumer")
      const [id, other] = [yield* Story.begin, yield* Story.begin]
      const log = yield* EventLog.EventLog
      const drafts = [Story.completed("a"), Story.completed("b"), Story.completed("c"), Story.completed("d")]
      for (const each of [id, other])
        yield* append(each, [...drafts, Story.completed("e")], { consumer, events: [0, 1, 2, 3, 4] })
      const left = Effect.map(viewsOf(id), (views) => views.map(({ seq }) => seq))
      const settled = (...seqs: ReadonlyArray<number>) => seqs.map((seq) => ({ seq, part: 0 }))
      yield* log.append(id, [Story.turn("f", 1)], { settled: settled(2, 99) })
      assert.deepStrictEqual(yield* left, [3, 4, 5, 6])
      const again = Story.reasonOf(log.append(id, [Story.completed("a")], { settled: settled(3) }))
      assert.strictEqual((yield* again)._tag, "AlreadySettled")
      assert.deepStrictEqual(yield* left, [4, 5, 6])
      const late = Story.reasonOf(log.append(id, [Story.completed("g")], { expectVersion: 1, settled: settled(4) }))
      assert.strictEqual((yield* late)._tag, "Conflict")
      assert.deepStrictEqual(yield* left, [5, 6])
      // Already known: nothing is stored.
      yield* log.append(id, [Story.turn("f", 1)], { settled: settled(5) })
      assert.deepStrictEqual(yield* left, [6])
      yield* log.append(id, [Story.ended()])
      const ended = Story.reasonOf(log.append(id, [Story.turn("f", 2)], { settled: settled(6) }))
      assert.strictEqual((yield* ended)._tag, "Ended")
      assert.deepStrictEqual(yield* left, [])
      assert.lengthOf(yield* viewsOf(other), 5)
    })
  )

  it.effect("rows that are settled during a claim are not claimed", () =>
    Effect.gen(function* () {
      const consumer = yield* Story.fresh("consumer")
      const id = yield* Story.begin
      const outbox = yield* Outbox.Outbox
      yield* append(id, [Story.completed("a"), Story.completed("b")], { consumer, events: [0, 1] })
      const rows = yield* outbox.claim({
        consumers: [consumer],
        limit: 10,
        leaseMillis: hour,
        settled: [{ tenant: "default", executionId: id, seq: 2, part: 0 }]
      })
      assert.deepStrictEqual(placesOf(rows), [[3, 0]])
      assert.deepStrictEqual(
        (yield* viewsOf(id)).map(({ seq }) => seq),
        [3]
      )
    })
  )
}

const listing = (it: It): void => {
  it.effect("lists in pages, oldest first, and by state", () =>
    Story.inOwnTenant((tenant) =>
      Effect.gen(function* () {
        const consumer = yield* Story.fresh("consumer")
        const id = yield* Story.begin
        const log = yield* EventLog.EventLog
        const outbox = yield* Outbox.Outbox
        for (const n of Story.upTo(5)) yield* append(id, [Story.completed(`t${n}`)], { consumer })
        const seqs: Array<number> = []
        for (let after: string | undefined; ;) {
          const page = yield* outbox.list({ limit: 2, ...(after === undefined ? {} : { after }) })
          if (page.length === 0) break
          seqs.push(...page.map(({ seq }) => seq))
          after = page.at(-1)!.id
          // What was read last may be done before the next page is read.
          const { part, seq } = page.at(-1)!
          yield* settle({ tenant, executionId: id, seq, part })
        }
        assert.deepStrictEqual(seqs, [2, 3, 4, 5, 6])
        const [one, two] = yield* outbox.list()
        yield* settle({ tenant, executionId: id, seq: one!.seq, part: 0, error: "no" })
        assert.deepStrictEqual(Story.idsOf(yield* outbox.list({ state: "dead" })), [one!.id])
        assert.deepStrictEqual(Story.idsOf(yield* outbox.list({ state: "pending" })), [two!.id])
        const { at } = (yield* log.read(id, { after: two!.seq - 1, limit: 1 }))[0]!
        assert.strictEqual(two!.at, at)
        assert.deepStrictEqual(yield* outbox.list({ after: two!.id }), [])
      })
    )
  )
}

const naming = (it: It): void => {
  it.effect("ids disclose nothing about other tenants, and are valid only for their tenant", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const consumer = yield* Story.fresh("consumer")
        const id = yield* Story.begin
        const outbox = yield* Outbox.Outbox
        yield* append(id, [Story.completed("a"), Story.completed("b")], { consumer, events: [0, 0, 1] })
        const views = yield* outbox.list()
        assert.lengthOf(views, 3)
        // Built from the other fields of the view.
        for (const view of views) {
          assert.strictEqual(view.id, Outbox.idOf(view))
          assert.deepInclude(view, Outbox.placeOf(view.id)!)
        }
        const [first] = views
        for (const odd of [{ seq: 99 }, { part: 9 }, { at: "2020-01-01T00:00:00.000Z" }, { executionId: "nobody" }])
          assert.isUndefined(yield* outbox.retry(Outbox.idOf({ ...first!, ...odd })))
      })
    )
  )

  it.effect("a page continues after a row of an execution that was deleted since", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const consumer = yield* Story.fresh("consumer")
        const outbox = yield* Outbox.Outbox
        const log = yield* EventLog.EventLog
        const ids: Array<string> = []
        for (const n of Story.upTo(3)) {
          ids.push(yield* Story.begin)
          yield* append(ids.at(-1)!, [Story.completed("a"), Story.completed("b"), Story.ended()], {
            consumer,
            events: [0, 1]
          })
          // Event times come from the storage.
          if (n < 3) yield* Effect.sleep(5)
        }
        const [first, second] = yield* outbox.list({ limit: 2 })
        assert.deepStrictEqual([first!.executionId, second!.executionId], [ids[0], ids[0]])
        yield* log.remove(ids[0]!)
        const rest = yield* outbox.list({ after: second!.id })
        assert.deepStrictEqual(
          rest.map(({ executionId, seq }) => [executionId, seq]),
          [
            [ids[1], 2],
            [ids[1], 3],
            [ids[2], 2],
            [ids[2], 3]
          ]
        )
      })
    )
  )
}

const retrying = (it: It): void => {
  it.effect("a retried dead letter is due immediately with no attempts; pending rows are unchanged", () =>
    Effect.gen(function* () {
      const consumer = yield* Story.fresh("consumer")
      const id = yield* Story.begin
      const outbox = yield* Outbox.Outbox
      yield* append(id, [Story.completed("a"), Story.completed("b")], { consumer, events: [0, 1] })
      const [dead, pending] = yield* claim(consumer)
      yield* settle({ ...dead!, error: "It rained." }, { ...pending!, error: "It snowed.", delayMillis: hour })
      const [first, second] = yield* viewsOf(id)
      const retried = yield* outbox.retry(first!.id)
      assert.deepInclude(retried, { id: first!.id, state: "pending", attempts: 0, error: "It rained.", at: first!.at })
      assert.isDefined(retried!.nextAt)
      assert.deepStrictEqual(yield* outbox.retry(second!.id), second)
      assert.deepStrictEqual(
        (yield* claim(consumer)).map(({ attempts, seq }) => [seq, attempts]),
        [[dead!.seq, 1]]
      )
      yield* settle(dead!)
      assert.isUndefined(yield* outbox.retry(first!.id))
    })
  )

  it.effect("a dead letter of another tenant, or an unknown id, is reported as missing", () =>
    Effect.gen(function* () {
      const consumer = yield* Story.fresh("consumer")
      const id = yield* Story.begin
      const outbox = yield* Outbox.Outbox
      yield* append(id, [Story.completed("a")], { consumer })
      const [row] = yield* claim(consumer)
      yield* settle({ ...row!, error: "It rained." })
      const [view] = yield* viewsOf(id)
      yield* Story.inOwnTenant(() => Effect.map(outbox.retry(view!.id), (found) => assert.isUndefined(found)))
      for (const odd of ["", "0", "-1", "1e3", "9".repeat(30), "a'b", "\u0000"])
        assert.isUndefined(yield* outbox.retry(odd))
      assert.deepStrictEqual(yield* viewsOf(id), [view])
    })
  )
}
