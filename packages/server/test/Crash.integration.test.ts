/**
 * Servers as real processes that are killed, stopped, frozen and restarted, with a provider that
 * counts requests. The guarantees: every execution ends without intervention, completed work does
 * not run again, recorded answers are not requested again, and followers receive every event once.
 *
 * `CREWLINE_CRASHES=300` sets the number of kills; `CREWLINE_CRASH_SEED` repeats the same moments.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, describe, expect, it, type TestContext } from "vitest"
import * as Campaign from "./crash/Campaign.ts"
import * as Client from "./crash/Client.ts"
import * as Follower from "./crash/Follower.ts"
import * as History from "./crash/History.ts"
import * as Moment from "./crash/Moment.ts"
import * as Patience from "./crash/Patience.ts"
import * as Gates from "@crewline/fake-provider/Gates"
import * as Provider from "@crewline/fake-provider/Process"
import * as ServerProcess from "./crash/ServerProcess.ts"
import * as Storage from "./crash/Storage.ts"

const kills = Number(process.env["CREWLINE_CRASHES"] ?? 30)
const seed = Number(
  process.env["CREWLINE_CRASH_SEED"] ?? (process.env["CREWLINE_CRASHES"] === undefined ? 1 : Date.now() % 1e6)
)

const second = 1_000
/** Much more than needed, for busy machines. */
const patience = 60 * second

const missing = Storage.postgresMissing
const onPostgres = missing === undefined ? "" : `: ${missing}`
const overPostgres = missing === undefined ? it.concurrent : it.concurrent.skip

afterAll(async () => {
  await ServerProcess.endLeftovers()
  await Storage.disposeShared()
})

/** A storage and a provider for one test, and a way to start servers on them. */
const scene = async (
  { onTestFinished }: Pick<TestContext, "onTestFinished">,
  options: { readonly storage: () => Promise<Storage.Storage>; readonly env?: Readonly<Record<string, string>> }
) => {
  const servers: Array<ServerProcess.ServerProcess> = []
  const provider = await Provider.start()
  onTestFinished(() => provider.stop())
  const storage = await options.storage()
  onTestFinished(async () => {
    for (const server of servers) {
      server.signal("SIGKILL")
      server.signal("SIGCONT")
      await server.ended
    }
    await storage.dispose()
  }, patience)
  const env = { ...storage.env, ...options.env, OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: provider.baseURL }
  /** On a free port, or on the given one. */
  const begin = async (start: Partial<ServerProcess.Options> = {}) => {
    const server = ServerProcess.start({
      port: await ServerProcess.freePort(),
      ...start,
      env: { ...env, ...start.env }
    })
    servers.push(server)
    return server
  }
  const ready = async (start?: Partial<ServerProcess.Options>) => {
    const server = await begin(start)
    await Patience.within(patience, server.output, server.ready)
    return server
  }
  return { provider, storage, begin, ready }
}

interface TaskOf {
  readonly after?: ReadonlyArray<string>
  /** Settings of the provider. */
  readonly text: string
}

/**
 * A crew of one agent. Texts begin with `tag`, so that the provider can distinguish its turns from
 * all others.
 */
const crewOf = (tag: string, tasks: Readonly<Record<string, TaskOf>>, tools: ReadonlyArray<string> = []) => ({
  name: "crash",
  agents: { worker: { role: "Worker", goal: "Work", model: "openai/fake", tools } },
  tasks: Object.fromEntries(
    Object.entries(tasks).map(([name, { after = [], text }]) => [
      name,
      { description: `${tag} ${name}: ${text}`, expectedOutput: "text", dependsOn: after }
    ])
  )
})

/** How often the turns of a task were requested, by their number of messages. */
const askedOf = (asked: Provider.Asked, text: string): ReadonlyArray<number> =>
  [...asked].filter(([key]) => key.includes(`: ${text}: `)).map(([, times]) => times)

const ended = (follower: Follower.Follower) =>
  Patience.within(patience, () => `stands at ${JSON.stringify(follower.events.at(-1))}`, follower.done)

describe("a server that is killed", () => {
  const arm = async (context: TestContext, storage: () => Promise<Storage.Storage>, count: number, armSeed: number) => {
    // Answers are streamed in pieces, so that some kills interrupt them.
    const provider = await Provider.start("--latency", "40", "--chunks", "6", "--chunk-delay", "3")
    context.onTestFinished(() => provider.stop())
    const own = await storage()
    context.onTestFinished(() => own.dispose())
    const report = await Campaign.run({ storage: own, provider, kills: count, seed: armSeed })
    console.log(`seed ${armSeed}: ${JSON.stringify({ ...report, problems: report.problems.length })}`)
    expect(report.problems, `with CREWLINE_CRASH_SEED=${seed}`).toEqual([])
    expect(report.kills).toBe(count)
    // With fewer, the test would show little.
    expect(report.answersHeld).toBeGreaterThan(count / 2)
  }
  // Starts take more than twice as long there.
  const embedded = Math.floor(kills * 0.3)

  it.concurrent(
    `resumes after a restart, embedded, ${embedded} times`,
    { timeout: 60 * second + embedded * 15 * second },
    (context) => arm(context, Storage.embedded, embedded, seed)
  )

  overPostgres(
    `goes on by itself, over PostgreSQL, ${kills - embedded} times${onPostgres}`,
    { timeout: 60 * second + kills * 15 * second },
    (context) => arm(context, Storage.postgres, kills - embedded, seed + 1)
  )

  it.concurrent("repeats no call that must not be repeated", { timeout: 4 * patience }, async (context) => {
    const { provider, storage, begin, ready } = await scene(context, { storage: Storage.embedded })
    const random = Moment.seeded(seed)
    const lines = (name: string) => [1, 2, 3].map((line) => `[[tool:append {"line":"${name} ${line}"}]]`).join(" then ")
    // Two calls in one turn, and three turns one after another.
    const crew = crewOf(
      "journal",
      { left: { text: `${lines("left")} + [[tool:append {"line":"too"}]]` }, right: { text: lines("right") } },
      ["append"]
    )
    let server = await ready({ entry: "own-tools", env: { CREWLINE_LEASE: "10 minutes" } })
    const { url } = server
    const port = Number(new URL(url).port)
    const id = await Client.post(url, crew, "journal")
    const follower = Follower.follow(url, id)
    for (let kill = 1; kill <= 4; kill++) {
      const begun = Moment.seen([follower], ({ type }) => type === "ToolStarted")
      await Patience.within(patience, server.output, Promise.race([begun, follower.done]))
      // The line is written 20 ms after the call has begun, and its result is known 20 ms later.
      await sleep(random() * 50)
      if (follower.hasEnded()) break
      server.signal("SIGKILL")
      await server.ended
      server = await begin({ entry: "own-tools", port })
    }
    await ended(follower)
    const events = await Client.events(url, id)
    expect(History.problems(events)).toEqual([])
    expect((await Client.view(url, id)).status).toBe("completed")

    const journal = (await readFile(join(storage.workspace, "journal.txt"), "utf8")).trim().split("\n")
    expect(new Set(journal).size, journal.join("\n")).toBe(journal.length)
    const results = events.filter(({ type }) => type === "ToolCalled")
    const done = results.filter(({ isFailure }) => isFailure === false)
    expect(results.length).toBe(7)
    expect(done.length).toBeLessThan(7)
    // A call that was interrupted may have written its line; the model was told that the result is
    // unknown.
    expect(journal.length).toBeGreaterThanOrEqual(done.length)
    expect(journal.length).toBeLessThanOrEqual(results.length)
    for (const { isFailure, result } of results) {
      expect(String(result)).toMatch(isFailure === true ? /begun before an interruption/ : /^appended/)
    }
    for (const { key } of History.answers(events)) expect((await provider.asked()).get(key), key).toBeGreaterThan(0)
  })
})

describe("a server that is asked to stop", () => {
  const crew = crewOf("drain", {
    first: { text: "[[latency:1500]]" },
    second: { text: "[[latency:50]]", after: ["first"] }
  })

  /** Starts the crew, stops the server during its first call, and starts the next one. */
  const stopAndGoOn = async (
    context: TestContext,
    storage: () => Promise<Storage.Storage>,
    start: Partial<ServerProcess.Options>
  ) => {
    const { provider, ready } = await scene(context, { storage, env: { CREWLINE_LEASE: "10 minutes" } })
    const server = await ready(start)
    const id = await Client.post(server.url, crew, "drain")
    const follower = Follower.follow(server.url, id)
    await Patience.until(
      patience,
      "the first call",
      async () => askedOf(await provider.asked(), "drain first").length > 0
    )
    server.signal("SIGTERM")
    const end = await Patience.within(patience, server.output, server.ended)
    const next = await ready({ ...start, port: Number(new URL(server.url).port) })
    await ended(follower)
    const events = await Client.events(next.url, id)
    expect(follower.events).toEqual(events)
    expect(History.problems(events)).toEqual([])
    expect((await Client.view(next.url, id)).status).toBe("completed")
    const asked = await provider.asked()
    return { end, events, asked: [askedOf(asked, "drain first"), askedOf(asked, "drain second")] }
  }

  it.concurrent(
    "finishes the call in flight and leaves the rest to the next server, embedded",
    { timeout: 4 * patience },
    async (context) => {
      const { asked, end } = await stopAndGoOn(context, Storage.embedded, {})
      expect(end).toEqual({ code: 0, signal: null })
      expect(asked).toEqual([[1], [1]])
    }
  )

  overPostgres(
    `gives its executions back, over PostgreSQL${onPostgres}`,
    { timeout: 4 * patience },
    async (context) => {
      // With a lease of ten minutes, only released executions continue.
      const { asked, end } = await stopAndGoOn(context, Storage.postgres, {})
      expect(end).toEqual({ code: 0, signal: null })
      expect(asked).toEqual([[1], [1]])
    }
  )

  it.concurrent("releases work that exceeds the grace period", { timeout: 4 * patience }, async (context) => {
    const { asked, events } = await stopAndGoOn(context, Storage.embedded, {
      entry: "own-tools",
      env: { GRACE_MILLIS: "200" }
    })
    const starts = events.filter(({ taskId, type }) => taskId === "first" && type === "TaskStarted")
    expect(events.filter(({ type }) => type === "TaskReleased").map(({ run, taskId }) => [taskId, run])).toEqual([
      ["first", 1]
    ])
    // Neither a failure nor a crash.
    expect(starts.map(({ attempt, crashes, run }) => [run, attempt, crashes])).toEqual([
      [1, 1, 0],
      [2, 1, 0]
    ])
    expect(asked).toEqual([[2], [1]])
  })
})

describe("two servers", () => {
  it.concurrent("cannot share a directory", { timeout: 4 * patience }, async (context) => {
    const { begin, ready } = await scene(context, { storage: Storage.embedded })
    const first = await ready()
    const crew = crewOf("alone", {
      one: { text: "[[latency:500]]" },
      two: { text: "[[latency:500]]", after: ["one"] },
      three: { text: "[[latency:500]]", after: ["two"] }
    })
    const id = await Client.post(first.url, crew, "alone")
    const follower = Follower.follow(first.url, id)
    const other = await begin()
    const { code } = await Patience.within(patience, other.output, other.ended)
    expect(code).toBe(1)
    expect(other.output()).toContain(`is in use by process ${first.pid}`)
    expect(other.output()).toContain("CREWLINE_DATA")
    expect(other.output()).not.toContain("    at ")
    await ended(follower)
    expect(first.isRunning()).toBe(true)
    expect(follower.connections()).toBe(1)
    expect((await Client.view(first.url, id)).status).toBe("completed")
    expect(History.problems(await Client.events(first.url, id))).toEqual([])
  })

  overPostgres(
    `share a database: each call is made once, and one takes over what the other leaves${onPostgres}`,
    { timeout: 4 * patience },
    async (context) => {
      const { provider, ready } = await scene(context, {
        storage: Storage.postgres,
        env: { CREWLINE_LEASE: "4 seconds" }
      })
      const [left, right] = await Promise.all([ready(), ready()])
      // Less frequent than a third of the lease, the interval at which servers look for free
      // executions.
      const tasks = {
        a: { text: "[[latency:2000]]" },
        b: { text: "[[latency:2200]]" },
        c: { text: "[[latency:300]]", after: ["a", "b"] }
      }
      const begin = async ({ url }: ServerProcess.ServerProcess, tag: string) => {
        const id = await Client.post(url, crewOf(tag, tasks), tag)
        // Followed at the other server, which receives the events.
        return { id, tag, follower: Follower.follow((url === left.url ? right : left).url, id) }
      }
      const both = await Promise.all(
        [left, right].flatMap((server, index) => [1, 2, 3].map((each) => begin(server, `share-${index}-${each}`)))
      )
      for (const { follower } of both) await ended(follower)
      const asked = await provider.asked()
      for (const { id, tag } of both) {
        expect(History.problems(await Client.events(left.url, id))).toEqual([])
        for (const task of ["a", "b", "c"]) expect(askedOf(asked, `${tag} ${task}`), `${tag} ${task}`).toEqual([1])
      }

      // Now one dies during its calls.
      const lefts = await Promise.all([1, 2].map((each) => begin(left, `leave-${each}`)))
      await Patience.until(patience, "all asked", async () => {
        const calls = await provider.asked()
        return lefts.every(({ tag }) => ["a", "b"].every((task) => askedOf(calls, `${tag} ${task}`).length > 0))
      })
      left.signal("SIGKILL")
      await left.ended
      for (const { follower } of lefts) await ended(follower)
      const askedAtLast = await provider.asked()
      for (const { id, tag } of lefts) {
        const events = await Client.events(right.url, id)
        expect(History.problems(events)).toEqual([])
        expect((await Client.view(right.url, id)).status).toBe("completed")
        // In flight when it died: once more. Not started: once.
        expect(askedOf(askedAtLast, `${tag} a`)).toEqual([2])
        expect(askedOf(askedAtLast, `${tag} b`)).toEqual([2])
        expect(askedOf(askedAtLast, `${tag} c`)).toEqual([1])
      }
    }
  )

  overPostgres(
    `get by when one freezes for longer than its lease${onPostgres}`,
    { timeout: 4 * patience },
    async (context) => {
      // The provider answers on request, so that the test does not depend on the speed of the
      // machine.
      const gates = await Gates.start()
      context.onTestFinished(() => gates.stop())
      const { ready } = await scene(context, { storage: Storage.postgres, env: { CREWLINE_LEASE: "3 seconds" } })
      const start = { env: { OPENAI_BASE_URL: gates.baseURL } }
      const [frozen, other] = await Promise.all([ready(start), ready(start)])
      const begin = async (tag: string, tasks: Readonly<Record<string, ReadonlyArray<string>>>) => {
        const gated = Object.entries(tasks).map(([task, after]) => [task, { text: Gates.to(`${tag}-${task}`), after }])
        const id = await Client.post(frozen.url, crewOf(tag, Object.fromEntries(gated), ["calculate"]), tag)
        return { id, tag, follower: Follower.follow(other.url, id) }
      }
      const asked = (...names: ReadonlyArray<string>) =>
        Patience.within(
          patience,
          () => `${names.join(", ")} asked\n${other.output()}`,
          Promise.all(names.map(gates.next))
        )

      // If frozen before its outcome, the first answer is the last one; if frozen before a turn,
      // the answer calls a tool.
      const race = await begin("race", { outcome: [] })
      const over = await begin("over", { outcome: [], turn: [] })
      const open = await begin("open", { outcome: [], turn: [], rest: ["outcome", "turn"] })
      const calls = async () => ({
        outcomes: await asked("race-outcome", "over-outcome", "open-outcome"),
        turns: await asked("over-turn", "open-turn")
      })
      const unread = await calls()
      frozen.signal("SIGSTOP")

      // The other server takes over all of them: one ends, one has settled the tasks of the frozen
      // server, one is in progress.
      const again = await calls()
      for (const call of unread.outcomes) call.answer("from the frozen one")
      for (const call of [...unread.turns, ...again.turns]) call.call("calculate", { expression: "6 * 7" })
      const [raceAgain, ...outcomes] = again.outcomes
      for (const call of outcomes) call.answer("from the other one")
      for (const call of await asked("over-turn", "open-turn")) call.answer("42")
      await ended(over.follower)
      const [rest] = await asked("open-rest")
      const overEvents = await Client.events(other.url, over.id)

      // The server resumes, and new executions on it complete. By then it has read the answers that
      // were waiting for it.
      frozen.signal("SIGCONT")
      const after = await begin("after", { only: [] })
      for (const call of await asked("after-only")) call.answer("done")
      await ended(after.follower)
      expect(frozen.isRunning()).toBe(true)
      raceAgain!.answer("from the other one")
      rest!.answer("done")
      await ended(race.follower)
      await ended(open.follower)

      expect(await Client.events(other.url, over.id)).toEqual(overEvents)
      const counts = ["race-outcome", "over-outcome", "open-outcome", "over-turn", "open-turn", "open-rest"]
      // Only the other server ran a second turn.
      expect(counts.map(gates.count)).toEqual([2, 2, 2, 3, 3, 1])
      for (const { id } of [over, open, race]) {
        const events = await Client.events(frozen.url, id)
        expect(History.problems(events)).toEqual([])
        const { status, tasks } = await Client.view(frozen.url, id)
        expect(status).toBe("completed")
        expect(tasks["outcome"]!.output).toBe("from the other one")
        const outcomes = events.filter(({ taskId, type }) => type === "TaskCompleted" && taskId !== "rest")
        expect(outcomes.map(({ run }) => run)).toEqual(outcomes.map(() => 2))
      }
    }
  )
})
