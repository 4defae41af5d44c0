/**
 * Executions that reach a budget while their server is killed and restarted: recorded calls are not
 * paid again, and the decision to continue, finish or fail is kept.
 */
import * as Provider from "@crewline/fake-provider/Process"
import { afterAll, describe, expect, it, type TestContext } from "vitest"
import * as Client from "./crash/Client.ts"
import * as Follower from "./crash/Follower.ts"
import * as History from "./crash/History.ts"
import * as Letters from "./crash/Letters.ts"
import * as Patience from "./crash/Patience.ts"
import * as ServerProcess from "./crash/ServerProcess.ts"
import * as Storage from "./crash/Storage.ts"

const patience = 60_000

afterAll(async () => {
  await ServerProcess.endLeftovers()
  await Storage.disposeShared()
})

/** A server that can be killed and restarted at the same address. */
const opened = async ({ onTestFinished }: Pick<TestContext, "onTestFinished">) => {
  const provider = await Provider.start()
  onTestFinished(() => provider.stop())
  const storage = await Storage.embedded()
  const port = await ServerProcess.freePort()
  const env = { ...storage.env, OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: provider.baseURL }
  const begin = async () => {
    const server = ServerProcess.start({ entry: "own-tools", port, env })
    await Patience.within(patience, server.output, server.ready)
    return server
  }
  let server = await begin()
  const kill = async () => {
    server.signal("SIGKILL")
    await server.ended
  }
  onTestFinished(async () => {
    await kill()
    await storage.dispose()
  }, patience)
  return {
    provider,
    url: server.url,
    restart: async () => {
      await kill()
      server = await begin()
    }
  }
}

/**
 * An agent that makes three tool calls, one per turn, and then answers: four calls of the model.
 */
const crewOf = (limits: object) => ({
  name: "budget",
  agents: { clerk: { role: "Clerk", goal: "Write", model: "openai/fake", tools: ["append"] } },
  tasks: {
    write: {
      description: `write: ${[1, 2, 3].map((line) => `[[tool:append {"line":"${line}"}]]`).join(" then ")}`,
      expectedOutput: "text"
    }
  },
  limits
})

const until = (url: string, id: string, status: string) =>
  Patience.until(patience, `${id} is ${status}`, async () => (await Client.view(url, id)).status === status)

/** The number of times each call of the model was made. */
const madeOf = async (provider: Provider.Process) => [...(await provider.asked()).values()]

const typesOf = (events: ReadonlyArray<Follower.Event>) => events.map(({ type }) => type)

describe("an execution that asks when its budget is used up", { timeout: 4 * patience }, () => {
  it("is raised over HTTP after a restart, and completes: each call is counted once", async (context) => {
    const { provider, restart, url } = await opened(context)
    const id = await Client.post(url, crewOf({ requests: 2, onExceeded: "ask" }), "raised")
    await until(url, id, "waiting")
    await restart()
    const [ask] = await Letters.asks(url, id)
    expect(ask).toMatchObject({ kind: "budget", state: "open", scope: "execution" })
    expect(await Letters.answer(url, ask!.id, { answer: "raise", limits: { requests: 2 } })).toEqual([
      400,
      "invalid-request"
    ])
    expect((await Letters.answer(url, ask!.id, { answer: "raise", hash: ask!.hash, limits: { requests: 3 } }))[0]).toBe(
      200
    )
    await Patience.until(patience, "a second ask", async () => (await Letters.asks(url, id)).length === 2)
    await until(url, id, "waiting")
    await restart()
    const again = (await Letters.asks(url, id)).find(({ state }) => state === "open")
    expect((await Letters.answer(url, again!.id, { answer: "raise", limits: { requests: 10 } }))[0]).toBe(200)
    await restart()
    await until(url, id, "completed")
    expect(await madeOf(provider)).toEqual([1, 1, 1, 1])
    const events = await Client.events(url, id)
    expect(History.problems(events)).toEqual([])
    expect((await Client.view(url, id)).usage.requests).toBe(4)
    const raises = events.filter(({ type }) => type === "LimitRaised")
    expect(raises.map(({ limits }) => limits)).toEqual([{ requests: 3 }, { requests: 10 }])
    for (const { seq } of raises) expect(events[seq - 2]!.type).toBe("AskAnswered")
  })

  it("fails as it would without a question when a raise is denied after a restart", async (context) => {
    const { provider, restart, url } = await opened(context)
    const id = await Client.post(url, crewOf({ requests: 2, onExceeded: "ask" }), "denied")
    await until(url, id, "waiting")
    await restart()
    const [ask] = await Letters.asks(url, id)
    expect((await Letters.answer(url, ask!.id, { answer: "deny", reason: "Enough." }))[0]).toBe(200)
    await until(url, id, "failed")
    expect((await Client.view(url, id)).error).toMatchObject({ code: "model-budget-exceeded", taskId: "write" })
    expect(await madeOf(provider)).toEqual([1, 1])
    expect(typesOf(await Client.events(url, id))).not.toContain("LimitRaised")
  })
})

describe("an agent that may finish", { timeout: 4 * patience }, () => {
  it("returns its partial result, marked as partial", async (context) => {
    const { provider, restart, url } = await opened(context)
    const id = await Client.post(url, crewOf({ requests: 3, onExceeded: "finish" }), "finished")
    await until(url, id, "completed")
    await restart()
    expect(await Client.view(url, id)).toMatchObject({
      partial: true,
      output: expect.any(String),
      tasks: { write: { status: "completed", partial: true } },
      budgets: { execution: { limits: { requests: 3, onExceeded: "finish" }, spent: { requests: 3 } } }
    })
    expect((await madeOf(provider)).reduce((sum, times) => sum + times, 0)).toBe(3)
  })
})
