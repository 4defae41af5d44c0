/**
 * Several worker processes on one Redis: answers and summaries of one process are available to the
 * others.
 */
import * as Llm from "@crewline/core/Llm"
import * as Tenant from "@crewline/core/Tenant"
import * as Usage from "@crewline/core/Usage"
import * as FakeProvider from "@crewline/fake-provider"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import { fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { afterAll, beforeEach, describe, expect, it } from "vitest"
import * as RedisServer from "../../queue-redis/test/RedisServer.ts"
import * as Resilience from "../src/Resilience.ts"
import * as Wrapped from "./Wrapped.ts"

const { missing } = RedisServer
const url = RedisServer.url.href
const redis = () => RedisServer.layerNamed("crewline-test-answers")

/** The requests to the provider: the conversation of each. */
const asked: Array<string> = []
const provider = await FakeProvider.start(
  FakeProvider.answer(({ body }) => {
    asked.push(JSON.stringify(body.messages))
    return { text: `Answer ${asked.length}.`, usage: { input: 10, output: 5 } }
  })
)
const { baseURL } = provider
afterAll(() => provider.stop())
beforeEach(() => void asked.splice(0))

const fresh = () => `a${process.pid}-${Math.random().toString(36).slice(2)}`

interface Told {
  readonly parts: Llm.Answer["parts"]
  readonly usage: Usage.Usage
  readonly requests: number
  readonly kinds: ReadonlyArray<string>
}

const worker = async (run: string): Promise<Told> => {
  const child = fork(join(import.meta.dirname, "fake/Rememberer.ts"), [baseURL, url, run])
  const [told] = (await once(child, "message")) as [Told]
  return told
}

const suite = missing === undefined ? describe : describe.skip
suite(`answers that processes share${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  it("answers and summaries of one process are free for the next one", async () => {
    const run = fresh()
    const first = await worker(run)
    expect(first.usage.requests).toBe(1)
    expect(first.requests).toBe(2)
    expect(first.kinds).toEqual(["context-trimmed"])
    expect(asked.length).toBe(3)
    const second = await worker(run)
    expect(second.kinds).toEqual(["cache-hit", "context-trimmed"])
    expect(second.parts).toEqual(first.parts)
    expect(second.usage).toEqual(Usage.zero)
    // The conversation continues with the summary of the first process.
    expect(second.requests).toBe(1)
    expect(asked.length).toBe(4)
    expect(asked[3]).toBe(asked[2])
  }, 60_000)

  it("two connections: tenants have separate answers, and a missing one only costs a call", async () => {
    const run = fresh()
    const layers = [redis(), redis()]
    const ask = (index: number, tenant: string) =>
      Effect.gen(function* () {
        const { asked: calls, model } = Wrapped.model(() => Effect.succeed(Wrapped.answer(run)))
        const said = Wrapped.notices()
        const wrap = yield* Resilience.make({})
        yield* wrap(model).generate(Wrapped.request(run, { cache: true, ...said }))
        return [calls.length, said.kinds()]
      }).pipe(Effect.provideService(Tenant.Current, tenant), Effect.provide(layers[index]!), Effect.runPromise)
    expect(await ask(0, "one")).toEqual([1, []])
    expect(await ask(1, "one")).toEqual([0, ["cache-hit"]])
    expect(await ask(1, "two")).toEqual([1, []])
    // Foreign data under a key is not an answer.
    let broken = 0
    const keys = Effect.gen(function* () {
      const { send } = yield* Redis.Redis
      const found = yield* send<ReadonlyArray<string>>("KEYS", "crewline-models-answers:*")
      for (const key of found) {
        if ((yield* send<string | null>("GET", key))?.includes(run) !== true) continue
        // It expires.
        expect(yield* send<number>("PTTL", key)).toBeGreaterThan(0)
        yield* send("SET", key, "broken", "PX", "60000")
        broken += 1
      }
    })
    await Effect.runPromise(Effect.provide(keys, redis()))
    expect(broken).toBe(2)
    expect(await ask(0, "one")).toEqual([1, []])
  }, 60_000)
})
