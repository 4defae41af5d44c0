/** Crews from goals over HTTP. */
import * as Crew from "@crewline/core/Crew"
import * as Llm from "@crewline/core/Llm"
import * as Demo from "@crewline/llm/Demo"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"

describe("POST /api/v1/crews/generate", () => {
  let server: Server.Running
  beforeAll(async () => {
    const model = Demo.make({ wordDelayMillis: 0 }).model("demo")
    const llm = Layer.succeed(Llm.Llm, { enforcesLimits: true, resolve: () => Effect.succeed(model) })
    server = await Server.start({ llm })
  }, 60_000)
  afterAll(() => server.stop(), 60_000)

  const generate = (body: unknown) => Server.request(`${server.url}/api/v1/crews/generate`, { body })
  const get = async (id: string) => (await Server.request(`${server.url}/api/v1/executions/${id}`)).body

  it("answers with a valid crew, and with the execution that generated it", async () => {
    const { body, status } = await generate({ goal: "Explain tides", inputs: { reader: { description: "For whom" } } })
    expect(status).toBe(200)
    expect(body).toMatchObject({ problems: [], goal: "Explain tides", model: "scripted/demo", rounds: 0 })
    expect(Result.isSuccess(Crew.fromJson(body.crew))).toBe(true)
    expect(body.crew.inputs).toEqual({ reader: { description: "For whom" } })
    expect(body.executionId).toBe(undefined)
    expect(await get(body.generationId)).toMatchObject({ status: "completed", crewName: "crewline-generator" })
    // It can be stored as it is.
    const stored = await Server.request(`${server.url}/api/v1/crews`, { body: body.crew })
    expect(stored.status).toBe(201)
  }, 120_000)

  it("starts the crew in the same call", async () => {
    const { body } = await generate({ goal: "Explain tides", run: true })
    expect(body.problems).toEqual([])
    expect((await get(body.executionId)).crewName).toBe("demonstration")
  }, 120_000)

  it("answers with the draft and its problems, and does not start it", async () => {
    const { body, status } = await generate({
      goal: "Explain tides",
      constraints: { maxTasks: 1 },
      rounds: 0,
      run: true
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({ problems: [{ code: "too-many-tasks", path: ["tasks"] }], rounds: 1 })
    expect(body.crew.tasks).toHaveLength(2)
    expect(body.executionId).toBe(undefined)
    expect((await get(body.generationId)).status).toBe("failed")
  }, 120_000)

  it("refuses what is no request", async () => {
    for (const [body, path] of [
      [{}, ["goal"]],
      [{ goal: " " }, ["goal"]],
      [{ goal: "x", constraints: { maxAgents: 0 } }, ["constraints", "maxAgents"]],
      [{ goal: "x", rounds: 21 }, ["rounds"]],
      [{ goal: "x", limits: { tokens: 0 } }, ["limits", "tokens"]],
      [{ goal: "x", run: true, inputs: { topic: {} } }, ["inputs", "topic", "default"]]
    ] as const) {
      const answer = await generate(body)
      expect(answer).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ path }] } })
    }
  })
})
