/** Ownership of executions: acquired for a time, renewed, lost, released. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventLog from "../../EventLog.ts"
import * as Story from "./Story.ts"

const long = 60_000

/** Adopts only among these executions; returns the adopted ones in order. */
const adopt = (
  owner: string,
  executionIds: ReadonlyArray<string>,
  options?: { readonly leaseMillis?: number; readonly limit?: number }
) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    const adopted = yield* log.adopt({
      owner,
      leaseMillis: options?.leaseMillis ?? long,
      limit: options?.limit ?? 100,
      executionIds
    })
    return executionIds.filter((id) => adopted.some(({ executionId }) => executionId === id))
  })

/** What the log reports about these owners, by name. */
const ownersAmong = (names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    const owners = yield* log.owners
    return new Map(names.flatMap((name) => owners.filter(({ owner }) => owner === name).map((each) => [name, each])))
  })

export const declare = (it: Story.It): void => {
  adopting(it)
  telling(it)
}

/** Owners of executions. */
const adopting = (it: Story.It): void => {
  it.effect("adopt gives each execution to one owner at a time", () =>
    Effect.gen(function* () {
      const ids = yield* Effect.forEach(Story.upTo(8), () => Story.begin)
      const owners = yield* Effect.forEach(Story.upTo(6), () => Story.fresh("owner"))
      const shares = yield* Effect.forEach(owners, (owner) => adopt(owner, ids), { concurrency: "unbounded" })
      assert.deepStrictEqual(shares.flat().sort(), [...ids].sort())
    })
  )

  it.effect("adopt returns the position and the tenant of the execution, for all tenants", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const tenant = yield* Story.fresh("tenant")
      const executionId = yield* Story.inTenant(tenant)(Story.begin)
      yield* Story.inTenant(tenant)(log.append(executionId, [Story.taskStarted("a"), Story.turn("a", 1)]))
      const owner = yield* Story.fresh("owner")
      const adopted = yield* log.adopt({ owner, leaseMillis: long, limit: 10, executionIds: [executionId] })
      assert.deepStrictEqual(adopted, [{ executionId, tenant, lastSeq: 3 }])
    })
  )

  it.effect("adopt takes at most the given number, and renews leases first", () =>
    Effect.gen(function* () {
      const ids = yield* Effect.forEach(Story.upTo(6), () => Story.begin)
      const owner = yield* Story.fresh("owner")
      const last = ids.slice(4)
      assert.deepStrictEqual(yield* adopt(owner, last), last)
      const three = yield* adopt(owner, ids, { limit: 3 })
      assert.strictEqual(three.length, 3)
      assert.includeMembers(three, last)
    })
  )

  it.effect("a lease is valid while it is renewed, and expires otherwise", () =>
    Effect.gen(function* () {
      const id = yield* Story.begin
      const [first, second] = [yield* Story.fresh("owner"), yield* Story.fresh("owner")]
      assert.deepStrictEqual(yield* adopt(first, [id], { leaseMillis: 300 }), [id])
      for (const _ of Story.upTo(4)) {
        yield* Effect.sleep(100)
        assert.deepStrictEqual(yield* adopt(second, [id]), [])
        assert.deepStrictEqual(yield* adopt(first, [id], { leaseMillis: 300 }), [id])
      }
      yield* Effect.sleep(400)
      assert.deepStrictEqual(yield* adopt(second, [id]), [id])
      assert.deepStrictEqual(yield* adopt(first, [id]), [])
    })
  )

  it.effect("an execution can be owned from its start", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const [first, second, id] = [
        yield* Story.fresh("owner"),
        yield* Story.fresh("owner"),
        yield* Story.fresh("execution")
      ]
      yield* log.start(id, Story.executionStarted(), { owner: { name: first, leaseMillis: 200 } })
      assert.deepStrictEqual(yield* adopt(second, [id]), [])
      yield* Effect.sleep(300)
      assert.deepStrictEqual(yield* adopt(second, [id]), [id])
    })
  )

  it.effect("a disowned execution can be adopted immediately", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const ids = [yield* Story.begin, yield* Story.begin]
      const [first, second, third] = [
        yield* Story.fresh("owner"),
        yield* Story.fresh("owner"),
        yield* Story.fresh("owner")
      ]
      yield* adopt(first, [ids[0]!])
      yield* adopt(second, [ids[1]!])
      yield* log.disown(first)
      assert.deepStrictEqual(yield* adopt(third, ids), [ids[0]!])
    })
  )

  it.effect("an ended execution has no owner", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const id = yield* Story.begin
      const owner = yield* Story.fresh("owner")
      assert.deepStrictEqual(yield* adopt(owner, [id]), [id])
      yield* log.append(id, [Story.ended()])
      assert.deepStrictEqual(yield* adopt(owner, [id]), [])
    })
  )

  it.effect("appending requires and grants no ownership", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const id = yield* Story.begin
      const owner = yield* Story.fresh("owner")
      yield* adopt(owner, [id])
      yield* log.append(id, [Story.taskStarted("a")])
      assert.deepStrictEqual(yield* adopt(yield* Story.fresh("owner"), [id]), [])
      assert.deepStrictEqual(yield* adopt(owner, [id]), [id])
    })
  )
}

/** Reports about owners. */
const telling = (it: Story.It): void => {
  it.effect("owners returns the number of executions of each owner, for all tenants, and the remaining lease", () =>
    Effect.gen(function* () {
      const ids = [
        yield* Story.begin,
        yield* Story.inTenant(yield* Story.fresh("tenant"))(Story.begin),
        yield* Story.begin
      ]
      const [first, second] = [yield* Story.fresh("owner"), yield* Story.fresh("owner")]
      assert.strictEqual((yield* ownersAmong([first, second])).size, 0)
      yield* adopt(first, ids.slice(0, 2))
      yield* adopt(second, ids.slice(2), { leaseMillis: 2 * long })
      const owners = yield* ownersAmong([first, second])
      assert.deepInclude(owners.get(first), { owner: first, executions: 2, leaseMillis: long })
      assert.deepInclude(owners.get(second), { owner: second, executions: 1, leaseMillis: 2 * long })
    })
  )

  it.effect(
    "the silence of an owner counts from its start or last renewal, and it is not listed after its lease expires",
    () =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const [name, id] = [yield* Story.fresh("owner"), yield* Story.fresh("execution")]
        const silent = Effect.map(ownersAmong([name]), (owners) => owners.get(name)?.silentMillis)
        yield* log.start(id, Story.executionStarted(), { owner: { name, leaseMillis: long } })
        yield* Effect.sleep(300)
        assert.isAtLeast((yield* silent)!, 299)
        const before = yield* log.now
        yield* adopt(name, [id], { leaseMillis: long })
        const renewed = (yield* silent)!
        // By the same clock, possibly without fractions of a millisecond.
        assert.isAtMost(renewed, (yield* log.now) - before + 1)
        yield* adopt(name, [id], { leaseMillis: 100 })
        yield* Effect.sleep(200)
        assert.isUndefined(yield* silent)
      })
  )

  it.effect("an owner is not listed after it was disowned or its executions have ended", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const ids = [yield* Story.begin, yield* Story.begin]
      const names = [yield* Story.fresh("owner"), yield* Story.fresh("owner")] as const
      yield* adopt(names[0], [ids[0]!])
      yield* adopt(names[1], [ids[1]!])
      assert.strictEqual((yield* ownersAmong(names)).size, 2)
      yield* log.disown(names[0])
      yield* log.append(ids[1]!, [Story.ended()])
      assert.strictEqual((yield* ownersAmong(names)).size, 0)
    })
  )
}
