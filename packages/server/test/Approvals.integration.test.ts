/**
 * Approvals over servers that are killed around the ask, the answer and the call: a call is made at
 * most once, exactly once if it may be repeated, only after its own approval, and recorded answers
 * of models are not requested again.
 *
 * `CREWLINE_CRASH_SEED` selects other moments, `CREWLINE_CRASH_KILLS` the number of kills per
 * set-up (10 take three minutes on two busy cores).
 */
import * as Provider from "@crewline/fake-provider/Process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, describe, it, type TestContext } from "vitest"
import * as Client from "./crash/Client.ts"
import * as Follower from "./crash/Follower.ts"
import * as History from "./crash/History.ts"
import * as Letters from "./crash/Letters.ts"
import * as Moment from "./crash/Moment.ts"
import * as Patience from "./crash/Patience.ts"
import * as ServerProcess from "./crash/ServerProcess.ts"
import * as Storage from "./crash/Storage.ts"
import * as Redis from "./fake/Redis.ts"

const seed = Number(process.env["CREWLINE_CRASH_SEED"] ?? 1)
const kills = Number(process.env["CREWLINE_CRASH_KILLS"] ?? 3)
const patience = 60_000

const missing = Storage.postgresMissing ?? Redis.missing

/** Starts are most of the work here. */
const compileCache = await mkdtemp(join(tmpdir(), "crewline-approvals-"))

afterAll(async () => {
  await ServerProcess.endLeftovers()
  await rm(compileCache, { recursive: true, force: true })
  await Storage.disposeShared()
})

/** PostgreSQL, and a queue on Redis with separate keys. */
const shared = (kind: "redis" | "bullmq") => async (): Promise<Storage.Storage> => {
  const storage = await Storage.postgres()
  const prefix = `crewline-test:approvals:${process.pid}:${Math.random().toString(36).slice(2)}`
  const env = { CREWLINE_QUEUE: kind, CREWLINE_REDIS_PREFIX: prefix, REDIS_URL: Redis.url }
  return {
    ...storage,
    env: { ...storage.env, ...env },
    dispose: async () => {
      await storage.dispose()
      await Redis.clear(prefix)
    }
  }
}

/**
 * A crew of one agent. Texts begin with `tag`, so that the provider can distinguish its turns from
 * all others.
 */
const crewOf = (tag: string, tasks: Readonly<Record<string, string>>) => ({
  name: "letters",
  agents: { clerk: { role: "Clerk", goal: "Write", model: "openai/fake", tools: ["send", "note"] } },
  tasks: Object.fromEntries(
    Object.entries(tasks).map(([name, text]) => [
      name,
      { description: `${tag} ${name}: ${text}`, expectedOutput: "text" }
    ])
  )
})

interface Snapshot {
  readonly at: number
  readonly asked: Provider.Asked
}

/** A server that is killed and restarted at the same address. */
const open = async (storage: Storage.Storage, provider: Provider.Process) => {
  const env = {
    ...storage.env,
    OPENAI_API_KEY: "test-key",
    OPENAI_BASE_URL: provider.baseURL,
    NODE_COMPILE_CACHE: compileCache
  }
  const port = await ServerProcess.freePort()
  const begin = async () => {
    const server = ServerProcess.start({ entry: "own-tools", port, env })
    await Patience.within(patience, server.output, server.ready)
    return server
  }
  let server = await begin()
  return {
    url: server.url,
    output: () => server.output(),
    /**
     * Kills the server now and restarts it. Everything it recorded is at most as new as the
     * snapshot.
     */
    kill: async (): Promise<Snapshot> => {
      server.signal("SIGKILL")
      await server.ended
      const snapshot = { at: await storage.settled(), asked: await provider.askedByTheDead() }
      server = await begin()
      return snapshot
    },
    stop: async () => {
      server.signal("SIGKILL")
      await server.ended
    }
  }
}

/** A server with its own storage and provider, until the test ends. */
const opened = async (storageOf: () => Promise<Storage.Storage>, onTestFinished: TestContext["onTestFinished"]) => {
  const provider = await Provider.start("--latency", "10")
  onTestFinished(() => provider.stop())
  const storage = await storageOf()
  const server = await open(storage, provider)
  onTestFinished(async () => {
    await server.stop()
    await storage.dispose()
  }, patience)
  return { provider, server, storage }
}

/**
 * Recorded answers of models that were requested again after a kill, and recorded answers that were
 * never requested.
 */
const repeated = (
  events: ReadonlyArray<Follower.Event>,
  snapshots: ReadonlyArray<Snapshot>,
  asked: Provider.Asked
): ReadonlyArray<string> =>
  History.answers(events).flatMap(({ event, key }) => {
    const before = snapshots.find(({ at }) => at >= Date.parse(event.at))?.asked.get(key)
    const times = asked.get(key) ?? 0
    return times === 0 || (before !== undefined && times !== before) ? [`${key}: ${before}, then ${times}`] : []
  })

const setups = [
  ["an embedded database", Storage.embedded, undefined],
  ["PostgreSQL and Redis", shared("redis"), missing],
  ["PostgreSQL and BullMQ", shared("bullmq"), missing]
] as const

/** The person's action at the time the server dies. */
const phases = ["ask", "answer", "call"] as const

describe.concurrent.each(setups)("over %s", (name, storageOf, absent) => {
  const index = setups.findIndex(([each]) => each === name)
  const because = absent === undefined ? "" : `: ${absent}`

  it.skipIf(absent !== undefined)(
    `a call is made once, and only what is not recorded is requested again, over ${kills} kills${because}`,
    { timeout: 5 * patience },
    async ({ expect, onTestFinished }) => {
      const random = Moment.seeded(seed * 10 + index)
      const { provider, server, storage } = await opened(storageOf, onTestFinished)
      const { url } = server
      const done: Record<string, number> = {}

      for (let kill = 0; kill < kills; kill++) {
        const phase = phases[kill % phases.length]!
        const tag = `k${seed}-${index}-${kill}-end`
        const id = await Client.post(
          url,
          crewOf(tag, { once: '[[tool:send {"to":"once"}]]', again: '[[tool:note {"to":"again"}]]' }),
          tag
        )
        const follower = Follower.follow(url, id)
        const until = (what: string, isSo: () => boolean | Promise<boolean>) =>
          Patience.until(patience, `${tag} ${what}\n${server.output()}`, isSo)
        const answerAll = async () => {
          const found = await Letters.asks(url, id)
          const answers = found
            .filter(({ state }) => state === "open")
            .map(({ hash, id: ask }) => Letters.answer(url, ask, { answer: "approve", hash }))
          return { count: found.length, answers }
        }
        const allAsked = async () => (await Letters.asks(url, id)).length === 2

        let wait: Promise<unknown>
        if (phase === "ask") {
          wait = random() < 0.5 ? Moment.seen([follower], ({ type }) => type === "TaskSuspended") : Promise.resolve()
        } else {
          await until("asks", allAsked)
          const { answers } = await answerAll()
          // The answer that was in flight when the server died may or may not have arrived.
          const all = Promise.allSettled(answers)
          const begun = Moment.seen([follower], ({ type }) => type === "ToolStarted" || type === "ToolCalled")
          wait = phase === "answer" ? (random() < 0.5 ? all : Promise.resolve()) : begun
        }
        await Patience.within(patience, () => `${tag} ${phase}\n${server.output()}`, wait)
        await sleep(random() * (phase === "ask" ? 60 : 30))
        const letters = await Letters.read(storage.workspace, id)
        if (phase === "ask") expect(letters, tag).toEqual([])
        const before = await server.kill()
        done[phase] = (done[phase] ?? 0) + 1

        await until("asks", allAsked)
        for (const [status, code] of await Promise.all((await answerAll()).answers))
          expect(status === 200 || code === "ask-closed", `${tag}: ${status} ${code}`).toBe(true)
        await Patience.within(patience, () => `${tag} does not end\n${server.output()}`, follower.done)

        const events = await Client.events(url, id)
        expect(History.problems(events), tag).toEqual([])
        expect(events.filter(({ type }) => type === "AskAnswered").length, tag).toBe(2)
        expect((await Client.view(url, id)).status, tag).toBe("completed")
        const sent = await Letters.read(storage.workspace, id)
        const made = (tool: string) =>
          sent.filter((letter) => letter.tool === tool).map((letter) => letter.idempotencyKey)
        expect(made("send").length, `${tag}: ${JSON.stringify(sent)}`).toBeLessThanOrEqual(1)
        expect(new Set(made("note")).size, `${tag}: ${JSON.stringify(sent)}`).toBe(1)
        for (const event of events.filter(({ type }) => type === "ToolCalled"))
          expect(event.isFailure === false || event.tool === "send", `${tag}: ${JSON.stringify(event)}`).toBe(true)
        // A call that had not begun when the server died is made.
        if (phase !== "call" && letters.length === 0) {
          const interrupted = events.some(({ isFailure }) => isFailure === true)
          expect(made("send").length + (interrupted ? 1 : 0), tag).toBeGreaterThanOrEqual(1)
        }
        expect(repeated(events, [before], await provider.asked()), tag).toEqual([])
      }
      console.log(`${name}, seed ${seed}: ${JSON.stringify(done)}`)
      expect(Object.values(done).reduce((sum, count) => sum + count)).toBe(kills)
    }
  )

  it.skipIf(absent !== undefined)(
    `three approvals of one turn bind to one call each, with a kill after each answer${because}`,
    { timeout: 3 * patience },
    async ({ expect, onTestFinished }) => {
      const random = Moment.seeded(seed * 10 + index + 5)
      const { provider, server, storage } = await opened(storageOf, onTestFinished)
      const { url } = server
      const tag = `three-${seed}-${index}`
      const note = (to: string) => `[[tool:note {"to":"${to}"}]]`
      const id = await Client.post(url, crewOf(tag, { all: `${note("x")} + ${note("y")} + ${note("z")}` }), tag)
      const follower = Follower.follow(url, id)
      await Patience.until(patience, `${tag} asks`, async () => (await Letters.asks(url, id)).length === 3)

      const shuffled = <A>(all: ReadonlyArray<A>): ReadonlyArray<A> =>
        all
          .map((each) => ({ each, place: random() }))
          .sort((a, b) => a.place - b.place)
          .map(({ each }) => each)
      const order = shuffled(await Letters.asks(url, id))
      const given = shuffled([
        { answer: "approve" },
        { answer: "edit", arguments: { to: "edited" } },
        { answer: "deny", reason: "not this one" }
      ])
      console.log(
        `${name}, seed ${seed}: ${order.map(({ shown }, at) => `${given[at]!.answer} ${shown.arguments.to}`).join(", ")}`
      )
      const expected: Array<string> = []
      const snapshots: Array<Snapshot> = []
      for (const [at, ask] of order.entries()) {
        const other = order[(at + 1) % 3]!
        const answer = given[at]!
        // To a different call, or to one that was never shown.
        for (const hash of [other.hash, "0".repeat(64)])
          expect(await Letters.answer(url, ask.id, { ...answer, hash })).toEqual([422, "hash-mismatch"])
        expect(await Letters.answer(url, `${ask.id}9`, answer)).toEqual([404, "not-found"])
        expect(await Letters.read(storage.workspace, id)).toEqual([])
        expect(await Letters.answer(url, ask.id, { ...answer, hash: ask.hash })).toEqual([200, undefined])
        snapshots.push(await server.kill())
        // Twice, and late after any other answer, including a denial.
        for (const late of [answer, { answer: "approve" }, { answer: "deny" }])
          expect(await Letters.answer(url, ask.id, { ...late, hash: ask.hash })).toEqual([409, "ask-closed"])
        const states = await Letters.asks(url, id)
        expect(
          states
            .filter(({ state }) => state === "open")
            .map((each) => each.id)
            .sort()
        ).toEqual(
          order
            .slice(at + 1)
            .map((each) => each.id)
            .sort()
        )
        const { to } = ask.shown.arguments
        if (answer.answer !== "deny") expected.push(`${to} as ${answer.arguments?.to ?? to}`)
      }
      await Patience.within(patience, () => `${tag} does not end\n${server.output()}`, follower.done)
      const events = await Client.events(url, id)
      expect(History.problems(events)).toEqual([])
      expect((await Client.view(url, id)).status).toBe("completed")
      const calls = events.filter(({ type }) => type === "ToolCalled")
      // Each call is made according to the answer to its own id.
      const turn = events.find(({ type }) => type === "TurnCompleted")!
      const asking = new Map(
        (
          turn["parts"] as ReadonlyArray<{
            readonly type: string
            readonly id: string
            readonly params: { to: string }
          }>
        )
          .filter(({ type }) => type === "tool-call")
          .map(({ id: call, params }) => [call, params.to])
      )
      const letters = await Letters.read(storage.workspace, id)
      const written = letters.map(
        ({ idempotencyKey, to }) => `${asking.get(idempotencyKey.split("/").at(-1)!)} as ${to}`
      )
      expect([...new Set(written)].sort()).toEqual(expected.toSorted())
      expect(calls.map(({ isFailure }) => isFailure).filter(Boolean).length).toBe(1)
      expect(repeated(events, snapshots, await provider.asked())).toEqual([])
    }
  )
})
