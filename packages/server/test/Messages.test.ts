import * as Llm from "@crewline/core/Llm"
import * as Usage from "@crewline/core/Usage"
import * as Fallback from "@crewline/llm/Fallback"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as InProcess from "./Cli/InProcess.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

/** First answers wait until the test releases them. */
let gate = Deferred.makeUnsafe<void>()

/** Repeats the messages of people. */
const llm = Layer.succeed(Llm.Llm, {
  resolve: Fallback.resolving((reference = "fake/model") =>
    Effect.succeed({
      reference,
      generate: Effect.fnUntraced(function* ({ messages }: Llm.Request) {
        if (messages.every(({ role }) => role !== "assistant")) yield* Deferred.await(gate)
        const told = JSON.stringify(messages).matchAll(/A message to you from \w+:\\n(.*?)\\n/g)
        const answer: Llm.Answer = {
          parts: [{ type: "text", text: Array.from(told, ([, text]) => text).join(", ") || "nothing" }],
          finishReason: "stop",
          usage: { ...Usage.zero, requests: 1 },
          model: reference
        }
        return answer
      })
    })
  )
})

let server: Server.Running
beforeAll(async () => {
  server = await Server.start({ llm })
})
afterAll(() => server.stop())

const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
  Server.request(`${server.url}/api/v1/executions${path}`, options)

const tasks = { write: { description: "d", expectedOutput: "e" } }
const crew = { name: "c", agents: { clerk: { role: "Clerk", goal: "Write" } }, tasks }

/** An execution whose only task is waiting for its first answer. */
const start = async (): Promise<string> => {
  gate = Deferred.makeUnsafe<void>()
  const { body, status } = await call("", { body: { crew } })
  expect(status, JSON.stringify(body)).toBe(202)
  return body.id
}

const end = async (id: string) => {
  Deferred.doneUnsafe(gate, Effect.void)
  for (;;) {
    const { body } = await call(`/${id}`)
    if (body.endedAt !== undefined) return body
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe("messages to an execution", { timeout: 30_000 }, () => {
  it("reach the agent over HTTP, its WebSocket and the command line", async () => {
    const id = await start()
    const over = await call(`/${id}/messages`, { body: { text: "http", taskId: "write" } })
    expect(over).toMatchObject({ status: 202, body: { seq: expect.any(Number), existing: false } })
    const client = Socket.open(server.url, id, 0)
    const event = await client.until(({ type }) => type === "MessageSent")
    expect(event).toMatchObject({ seq: over.body.seq, taskId: "write", text: "http", by: { name: "anonymous" } })
    client.socket.send(JSON.stringify({ type: "message", id: "mine", text: "socket", taskId: "write" }))
    expect(await client.until(({ type }) => type === "MessageAccepted")).toMatchObject({
      id: "mine",
      message: { existing: false }
    })
    const env = { CREWLINE_URL: server.url }
    const sent = await InProcess.run(["send", id, "terminal", "--task", "write"], { env })
    expect(sent).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("the agent of write") })
    const { tasks } = await end(id)
    expect(tasks.write.output).toBe("http, socket, terminal")
    expect(await client.closed).toMatchObject({ code: 1000 })
  })

  it("with the same key are one message", async () => {
    const id = await start()
    const keyed = (text: string) =>
      call(`/${id}/messages`, { body: { text, taskId: "write" }, headers: { "idempotency-key": "k" } })
    const { body } = await keyed("one")
    expect(await keyed("one")).toMatchObject({ status: 202, body: { ...body, existing: true } })
    expect(await keyed("two")).toMatchObject({ status: 422, body: { code: "idempotency-key-reused" } })
    const client = Socket.open(server.url, id, 0)
    await client.until(({ type }) => type === "MessageSent")
    client.socket.send(JSON.stringify({ type: "message", idempotencyKey: "k", text: "one", taskId: "write" }))
    expect(await client.until(({ type }) => type === "MessageAccepted")).toMatchObject({
      message: { ...body, existing: true }
    })
    expect((await end(id)).tasks.write.output).toBe("one")
    expect(await keyed("one")).toMatchObject({ status: 202, body: { seq: body.seq, existing: true } })
  })

  it("are refused with advice where no agent can read them", async () => {
    const id = await start()
    const refusal = async (body: unknown, path = id) => {
      const answer = await call(`/${path}/messages`, { body })
      return [answer.status, answer.body.code]
    }
    expect(await refusal({ text: "x" })).toEqual([422, "no-manager"])
    expect(await refusal({ text: "x", taskId: "wrote" })).toEqual([422, "unknown-task"])
    expect(await refusal({ text: " ", taskId: "write" })).toEqual([400, "invalid-request"])
    expect(await refusal({ text: "x", task: "write" })).toEqual([400, "invalid-request"])
    expect(await refusal({ text: "x".repeat(10_001), taskId: "write" })).toEqual([400, "invalid-request"])
    expect(await refusal({ text: "x" }, "none")).toEqual([404, "not-found"])
    const client = Socket.open(server.url, id, 0)
    await client.until(({ type }) => type === "TaskStarted")
    client.socket.send(JSON.stringify({ type: "message", id: "mine", text: "x" }))
    const told = await client.until(({ type }) => type === "MessageRefused")
    expect(told).toMatchObject({ id: "mine", problem: { code: "no-manager", status: 422 } })
    expect(told).toMatchObject({
      problem: { detail: expect.stringContaining('name a task. Open tasks: "write"') }
    })
    const env = { CREWLINE_URL: server.url }
    const sent = await InProcess.run(["send", id, "x"], { env })
    expect(sent).toMatchObject({ code: 1, stderr: expect.stringContaining("has no manager") })
    await end(id)
    expect(await refusal({ text: "x", taskId: "write" })).toEqual([409, "execution-conflict"])
    expect((await InProcess.run(["send", id, "x", "--task", "write"], { env })).code).toBe(1)
  })
})
