/**
 * Several worker processes, one Redis, one provider: budgets and rates apply to all of them
 * together.
 */
import { afterAll, describe, expect, it } from "vitest"
import * as fc from "fast-check"
import * as Effect from "effect/Effect"
import * as FakeProvider from "@crewline/fake-provider"
import { fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as RedisServer from "../../queue-redis/test/RedisServer.ts"
import * as BudgetStore from "../src/BudgetStore.ts"
import type { Work } from "./fake/BudgetedWorker.ts"
import type { Grant } from "./fake/Paced.ts"

const { missing } = RedisServer
const url = RedisServer.url.href
const redis = RedisServer.layerNamed("crewline-test-limits")

const seen = {
  tokens: 0,
  times: [] as Array<number>,
  arrived: new Map<string, number>(),
  /** Tokens by the budget in the prompt. */
  spent: new Map<string, number>()
}
/**
 * Counts every prompt and every answer on request, as a provider bills it; mostly writes the
 * maximum length.
 */
const provider = await FakeProvider.start(async (request, response) => {
  const { max_completion_tokens, max_tokens, messages } = request.body as unknown as ChatBody
  const content = messages[0]!.content
  const isMeasured = content !== "warm"
  if (isMeasured) seen.times.push(performance.now())
  seen.arrived.set(content, Date.now())
  const input = messages.reduce((sum, each) => sum + 4 + each.content.split(/\W+/).length, 3)
  const most = max_tokens ?? max_completion_tokens ?? 1_000_000
  const output = Math.min(most, seen.times.length % 3 === 0 ? 20 : 400)
  if (isMeasured) seen.tokens += input + output
  for (const [budget] of content.matchAll(/budget-\S+/g))
    seen.spent.set(budget, (seen.spent.get(budget) ?? 0) + input + output)
  await sleep(seen.times.length % 20)
  FakeProvider.answer({ text: "Fine.", usage: { input, output } })(request, response)
})
const { baseURL } = provider
afterAll(() => provider.stop())

interface ChatBody {
  readonly messages: ReadonlyArray<{ readonly content: string }>
  readonly max_tokens?: number
  readonly max_completion_tokens?: number
}

const fresh = () => `t${process.pid}-${Math.random().toString(36).slice(2)}`

const workers = async (count: number, ...args: ReadonlyArray<string | number>) => {
  const outcomes = await Promise.all(
    Array.from({ length: count }, async () => {
      const child = fork(join(import.meta.dirname, "fake/Spender.ts"), [baseURL, url, ...args.map(String)])
      const [told] = (await once(child, "message")) as [Record<string, number>]
      return told
    })
  )
  const sum: Record<string, number> = {}
  for (const each of outcomes) for (const [tag, times] of Object.entries(each)) sum[tag] = (sum[tag] ?? 0) + times
  return sum
}

const suite = missing === undefined ? describe : describe.skip
suite(`limits that processes share${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  it("200 calls in three processes never spend more than one budget, as the provider counts it", async () => {
    for (const budget of [9_000, 30_000]) {
      seen.tokens = 0
      const outcomes = await workers(3, fresh(), 67, budget)
      expect(seen.tokens).toBeLessThanOrEqual(budget)
      expect(seen.tokens).toBeGreaterThan(budget * 0.3)
      expect(outcomes["BudgetExceeded"]).toBeGreaterThan(0)
      expect(Object.keys(outcomes).sort()).toEqual(expect.arrayContaining(["Answered", "BudgetExceeded"]))
    }
  }, 60_000)

  it("three processes respect three levels of budgets for any concurrent calls, as the provider counts it", async () => {
    const children = Array.from({ length: 3 }, () =>
      fork(join(import.meta.dirname, "fake/BudgetedWorker.ts"), [baseURL, url])
    )
    await Promise.all(children.map((child) => once(child, "message")))
    const call = fc.record({
      level: fc.nat(2),
      words: fc.nat(300),
      maxOutputTokens: fc.option(fc.integer({ min: 1, max: 600 }), { nil: undefined }),
      patience: fc.option(fc.nat(20), { nil: undefined, freq: 5 })
    })
    const calls = fc.array(call, { minLength: 5, maxLength: 30, size: "max" })
    const tokens = fc.integer({ min: 100, max: 4_000 })
    const outcomes = new Set<string>()
    const given = new Map<string, number>()
    try {
      await fc.assert(
        fc.asyncProperty(fc.tuple(tokens, tokens, tokens), fc.tuple(calls, calls, calls), async (levels, each) => {
          const budgets = levels.map((tokens) => ({ key: `budget-${fresh()}`, tokens }))
          for (const { key, tokens } of budgets) given.set(key, tokens)
          const told = children.map(async (child) => ((await once(child, "message")) as [ReadonlyArray<string>])[0])
          for (const [index, child] of children.entries()) child.send({ budgets, calls: each[index]! } satisfies Work)
          for (const ending of (await Promise.all(told)).flat()) outcomes.add(ending)
          for (const { key, tokens } of budgets) expect(seen.spent.get(key) ?? 0).toBeLessThanOrEqual(tokens)
        }),
        { numRuns: 20 }
      )
    } finally {
      for (const child of children) child.disconnect()
    }
    // Interrupted calls may have arrived later.
    for (const [key, spent] of seen.spent) expect(spent).toBeLessThanOrEqual(given.get(key)!)
    // Some calls were made, some refused, and some interrupted.
    expect([...outcomes].sort()).toEqual(["Answered", "BudgetExceeded", "Left"])
  }, 60_000)

  it("calls of three processes share one rate", async () => {
    seen.times.length = 0
    // 18 at 300 a minute, one in 200 ms: 3.4 s for all of them together, 1 s if each process had a
    // separate rate. Their exact spacing depends on the machine (a busy process sends late);
    // `RateLimit.test.ts` tests that with a test clock.
    const outcomes = await workers(3, fresh(), 6, 0, 300)
    expect(outcomes["Answered"]! + (outcomes["Left"] ?? 0)).toBe(18)
    const { times } = seen
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(17 * 200 * 0.5)
  }, 60_000)

  it("300 calls of four processes with different clocks get evenly spaced slots, and none arrives before its own", async () => {
    // 60 in two seconds. The result does not depend on the load: slots are given by Redis, and a
    // slow process can only arrive later than its own.
    const run = fresh()
    const [perMinute, interval, window, limit] = [1_800, 34, 2_000, 60]
    const children = [0, 300_000, -300_000, 5_000].map((skew, index) =>
      fork(
        join(import.meta.dirname, "fake/Paced.ts"),
        [baseURL, url, run, `p${index}`, 75, perMinute, skew].map(String)
      )
    )
    await Promise.all(children.map((child) => once(child, "message")))
    const told = children.map(async (child) => ((await once(child, "message")) as [ReadonlyArray<Grant>])[0])
    for (const child of children) child.send("go")
    const grants = (await Promise.all(told)).flat().toSorted((a, b) => a.at - b.at)

    // Exactly: the slot of the previous call plus the time per call, or immediately if no call
    // waits.
    let idle = 0
    for (const [index, { at, moment }] of grants.entries()) {
      const next = index === 0 ? at : grants[index - 1]!.moment + interval
      idle += Math.max(0, at - next)
      expect(Math.abs(moment - Math.max(at, next))).toBeLessThan(0.1)
    }
    const moments = grants.map(({ moment }) => moment)
    for (const [index, moment] of moments.entries()) {
      expect(moments.slice(index).filter((other) => other - moment < window).length).toBeLessThanOrEqual(limit)
    }

    // A call that missed its slot took another one.
    const own = new Map(grants.map(({ call, moment }) => [call, moment]))
    expect(own.size).toBe(300)
    for (const [call, moment] of own) {
      // Timers of Node count whole milliseconds, and fire up to one early.
      expect(seen.arrived.get(call)!).toBeGreaterThan(moment - 3)
    }

    const implied = ((grants.length - 1) * window) / limit
    const took = moments.at(-1)! - moments[0]! - idle
    expect(took).toBeGreaterThan(implied * 0.9)
    expect(took).toBeLessThan(implied * 1.1)
  }, 120_000)

  it("a budget in Redis refuses, caps, waits and includes the log like one in the process", () =>
    Effect.gen(function* () {
      const entry = {
        key: "tenant:x",
        limit: { tokens: 1_000, nanoUsd: 5_000 },
        spent: { tokens: 100, requests: 1, nanoUsd: 0 }
      }
      const want = { inputTokens: 100, minOutputTokens: 50, maxOutputTokens: 500, inputNanoUsd: 1, outputNanoUsd: 5 }
      const shared = yield* BudgetStore.makeRedis({ prefix: `crewline-test:${fresh()}:`, ttlMillis: 60_000 })
      const steps = Effect.fnUntraced(function* (store: BudgetStore.BudgetStore) {
        const first = yield* store.reserve({ want, entries: [entry] })
        const second = yield* store.reserve({ want, entries: [entry] })
        const third = yield* store.reserve({ want, entries: [entry] })
        if (first._tag === "Reserved") yield* store.settle(first.reservation, { tokens: 0, requests: 1, nanoUsd: 0 })
        const fourth = yield* store.reserve({ want: { ...want, maxOutputTokens: 900 }, entries: [entry] })
        const greedy = yield* store.reserve({ want: { ...want, minOutputTokens: 901 }, entries: [entry] })
        return [first, second, third, fourth, greedy]
      })
      const inRedis = yield* steps(shared)
      expect(inRedis).toEqual(yield* steps(BudgetStore.makeLocal()))
      expect(inRedis.map(({ _tag }) => _tag)).toEqual(["Reserved", "Reserved", "Refused", "Reserved", "Refused"])
    }).pipe(Effect.provide(redis), Effect.runPromise))
})
