import * as Ask from "@crewline/core/Ask"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Usage from "@crewline/core/Usage"
import * as Llm from "@crewline/core/Llm"
import * as Fallback from "@crewline/llm/Fallback"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

/** What the tool that needs an approval has sent. */
const sent: Array<string> = []
const logged: Array<string> = []
const secret = "sk-live-0123456789abcdef"

const send = Tool.make({
  name: "send",
  description: "Sends a letter.",
  parameters: Schema.Struct({ to: Schema.String, copies: Schema.optionalKey(Schema.Int) }),
  approval: true,
  execute: ({ to }) => {
    sent.push(to)
    return `sent to ${to}`
  }
})

const question = Tool.make({
  name: "question",
  description: "Asks a person.",
  answer: Schema.Struct({ budget: Schema.Int }),
  ask: () => ({ question: "How much?" }),
  execute: (_, { answer }) => `at most ${answer.budget}`
})

/** Tasks with this description wait until the test releases them. */
const gate = Deferred.makeUnsafe<void>()

/** Calls the tool named by the description of the task, then reports the result. */
const llm = Layer.succeed(Llm.Llm, {
  resolve: Fallback.resolving((reference = "fake/model") =>
    Effect.succeed({
      reference,
      generate: Effect.fnUntraced(function* (request: Llm.Request) {
        const text = JSON.stringify(request.messages)
        if (text.includes("wait for it")) yield* Deferred.await(gate)
        const last = request.messages.at(-1)
        const call = /call (\w+) (\{.*?\})/.exec(text.replaceAll('\\"', '"'))
        const calls = call !== null && last?.role !== "tool"
        const answer: Llm.Answer = {
          parts: calls
            ? [{ type: "tool-call", id: "c1", name: call[1]!, params: JSON.parse(call[2]!) }]
            : [{ type: "text", text: `Done: ${text.includes("Shorter") ? "shorter" : "long"}.` }],
          finishReason: calls ? "tool-calls" : "stop",
          usage: { ...Usage.zero, requests: 1, inputTokens: 10, outputTokens: 5 },
          model: reference
        }
        return answer
      })
    })
  )
})

let server: Server.Running
beforeAll(async () => {
  server = await Server.start({
    llm,
    toolbox: Toolbox.layer([send, question]),
    observe: Logger.layer([Logger.map(Logger.formatLogFmt, (line) => void logged.push(line))])
  })
})
afterAll(() => server.stop())

const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
  Server.request(`${server.url}/api/v1${path}`, options)

const start = async (tasks: { readonly [name: string]: object }): Promise<string> => {
  const agents = { clerk: { role: "Clerk", goal: "Write", tools: ["send", "question"] } }
  const crew = {
    name: "letters",
    agents,
    tasks: Object.fromEntries(
      Object.entries(tasks).map(([name, task]) => [name, { expectedOutput: "A word", ...task }])
    )
  }
  const { body, status } = await call("/executions", { body: { crew } })
  expect(status, JSON.stringify(body)).toBe(202)
  return body.id
}

/** Repeats the request until the response satisfies the predicate. */
// oxlint-disable-next-line typescript/no-explicit-any
const until = async (path: string, is: (body: any) => boolean) => {
  for (;;) {
    const { body } = await call(path)
    if (is(body)) return body
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const asksOf = async (executionId: string, count = 1) =>
  (await until(`/inbox?state=open&executionId=${executionId}`, ({ items }) => items.length === count)).items

const ended = (id: string) => until(`/executions/${id}`, ({ endedAt }) => endedAt !== undefined)
const letter = (to = "ann") => ({ description: `call send {"to":"${to}"}` })
const answer = (id: string, body: object) => call(`/inbox/${id}/answer`, { body })

describe("the inbox", { timeout: 30_000 }, () => {
  it("shows asks, and accepts the first answer", async () => {
    const id = await start({ write: letter() })
    const [ask] = await asksOf(id)
    expect(ask).toMatchObject({
      kind: "approval",
      state: "open",
      executionId: id,
      taskId: "write",
      tool: "send",
      shown: { tool: "send", arguments: { to: "ann" } },
      schema: { type: "object", properties: { to: { type: "string" } } },
      onSilence: "deny"
    })
    expect(ask.title).toContain("send")
    expect(ask.askedAt).toMatch(/^\d{4}-/)
    expect(ask.hash).toBe(await Effect.runPromise(Ask.hashOf(ask.shown)))
    expect(ask.id).toContain(id)
    expect(encodeURIComponent(ask.id)).toBe(ask.id)
    expect(await until(`/executions/${id}`, ({ status }) => status === "waiting")).toMatchObject({
      tasks: {
        write: { status: "waiting", kind: "work", waitingFor: [{ kind: "approval", id: ask.id, title: ask.title }] }
      }
    })

    const closed = await answer(ask.id, { answer: "approve", hash: ask.hash })
    expect(closed).toMatchObject({
      status: 200,
      body: { id: ask.id, state: "answered", answer: { answer: "approve" }, answeredBy: { name: "anonymous" } }
    })
    expect(closed.body.closedAt).toMatch(/^\d{4}-/)
    expect(await ended(id)).toMatchObject({ status: "completed" })
    expect(sent).toContain("ann")
    expect(await answer(ask.id, { answer: "deny" })).toMatchObject({
      status: 409,
      body: { code: "ask-closed", answer: "approve", answeredBy: "anonymous" }
    })
    expect((await call(`/inbox?executionId=${id}&state=open`)).body.items).toEqual([])
    expect((await call(`/inbox?executionId=${id}&state=answered`)).body.items).toMatchObject([{ id: ask.id }])
  })

  it("accepts one of several concurrent answers, and tells the others who answered", async () => {
    const id = await start({ write: letter("many") })
    const [ask] = await asksOf(id)
    const given = Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? "approve" : "deny"))
    const answered = await Promise.all(given.map((one) => answer(ask.id, { answer: one, hash: ask.hash })))
    const taken = answered.filter(({ status }) => status === 200)
    expect(taken).toHaveLength(1)
    const { answer: first } = taken[0]!.body.answer
    for (const { body, status } of answered)
      if (status !== 200) expect([status, body.code, body.answer]).toEqual([409, "ask-closed", first])
    await ended(id)
    expect(sent.filter((to) => to === "many")).toHaveLength(first === "approve" ? 1 : 0)
  })

  it("refuses invalid answers, each with its own code, and stores nothing", async () => {
    const id = await start({ write: letter("bob") })
    const [ask] = await asksOf(id)
    const { body: before } = await call(`/executions/${id}`)
    for (const unknown of ["none", `${id}~write~9.9.9`, "exec_none~write~1.1.0", "%E0%A4%A"])
      expect((await answer(unknown, { answer: "approve" })).status, unknown).toBeGreaterThanOrEqual(400)
    expect(await answer(`${id}~write~9.9.9`, { answer: "approve" })).toMatchObject({
      status: 404,
      body: { code: "not-found", resource: "ask" }
    })
    expect(await answer(ask.id, { answer: "approve", hash: "0".repeat(64) })).toMatchObject({
      status: 422,
      body: { code: "hash-mismatch" }
    })
    const wrong = await call(`/inbox/${ask.id}/answer`, {
      text: '{ "answer": "edit",\n  "arguments": { "to": 7, "copies": "x" }, "reason": "no" }'
    })
    expect(wrong).toMatchObject({ status: 400, body: { code: "invalid-request" } })
    expect(wrong.body.errors.map(({ line, path }: { line: number; path: unknown }) => [path, line])).toEqual(
      expect.arrayContaining([
        [["arguments", "to"], 2],
        [["arguments", "copies"], 2],
        [["reason"], 2]
      ])
    )
    const bodies = [
      { answer: "accept" },
      { answer: "edit" },
      { answer: "approve", feedback: "x" },
      { answer: "grant" },
      { answer: "approve", hsah: "x" },
      {},
      { answer: "approve", scope: "all" }
    ]
    for (const body of bodies)
      expect(await answer(ask.id, body), JSON.stringify(body)).toMatchObject({
        status: 400,
        body: { code: "invalid-request", errors: [{ message: expect.any(String) }] }
      })
    expect((await call(`/executions/${id}`)).body.lastSeq).toBe(before.lastSeq)
    expect(await answer(ask.id, { answer: "edit", arguments: { to: "carl" } })).toMatchObject({ status: 200 })
    await ended(id)
    expect(sent).toContain("carl")
    expect(sent).not.toContain("bob")
  })

  it("accepts valid replies, and sends outputs back until a person accepts them", async () => {
    const asking = await start({ ask: { description: "call question {}" } })
    const [asked] = await asksOf(asking)
    expect(asked).toMatchObject({ kind: "question", title: "How much?" })
    expect(await answer(asked.id, { answer: "reply", value: { budget: "much" } })).toMatchObject({
      status: 400,
      body: { errors: [{ path: ["value", "budget"] }] }
    })
    expect(await answer(asked.id, { answer: "reply", value: { budget: 7 } })).toMatchObject({ status: 200 })
    await ended(asking)

    const id = await start({ write: { description: "Write", humanInput: true } })
    const [first] = await asksOf(id)
    expect(first).toMatchObject({ kind: "review", shown: { output: "Done: long." }, schema: { type: "string" } })
    expect(await answer(first.id, { answer: "revise", feedback: " " })).toMatchObject({ status: 400 })
    expect(await answer(first.id, { answer: "revise", feedback: "Shorter" })).toMatchObject({ status: 200 })
    const { items } = await until(
      `/inbox?state=open&executionId=${id}`,
      ({ items }) => items.length === 1 && items[0].id !== first.id
    )
    expect(await answer(items[0].id, { answer: "accept" })).toMatchObject({ status: 200 })
    expect(await ended(id)).toMatchObject({ status: "completed", output: "Done: shorter." })
  })

  it("pages, oldest first", async () => {
    const id = await start({ a: letter("a"), b: letter("b"), c: letter("c") })
    const all = await asksOf(id, 3)
    const seen: Array<string> = []
    let cursor = ""
    do {
      const { body } = await call(`/inbox?state=open&executionId=${id}&limit=1${cursor}`)
      expect(body.items).toHaveLength(1)
      seen.push(body.items[0].id)
      cursor = body.nextCursor === undefined ? "" : `&cursor=${body.nextCursor}`
    } while (cursor !== "")
    expect(seen).toEqual(all.map((ask: { id: string }) => ask.id))
    expect(await call("/inbox?state=ajar")).toMatchObject({
      status: 400,
      body: { errors: [{ path: ["query", "state"] }] }
    })
    expect(await call("/inbox?cursor=x")).toMatchObject({ status: 400, body: { errors: [{ code: "invalid-cursor" }] } })
    await call(`/executions/${id}/cancel`, { method: "POST" })
    expect(await answer(seen[0]!, { answer: "approve" })).toMatchObject({ status: 409, body: { code: "ask-closed" } })
    // The last listed ask is deleted: the following page must not be silently empty.
    const { nextCursor } = (await call(`/inbox?executionId=${id}&limit=1`)).body
    expect((await call(`/executions/${id}`, { method: "DELETE" })).status).toBe(204)
    expect(await call(`/inbox?limit=1&cursor=${nextCursor}`)).toMatchObject({
      status: 400,
      body: { errors: [{ code: "invalid-cursor", message: expect.stringContaining("first page") }] }
    })
  })

  it("finds executions that continue while a person is asked", async () => {
    const id = await start({ write: letter("dora"), other: { description: "wait for it" } })
    await asksOf(id)
    const { items } = (await call("/executions?status=waiting")).body
    const found = items.find((item: { id: string }) => item.id === id)
    expect(found).toMatchObject({ status: "running", waitingFor: "person" })
    Deferred.doneUnsafe(gate, Effect.void)
    await call(`/executions/${id}/cancel`, { method: "POST" })
    const after = (await call("/executions?status=waiting")).body.items
    expect(after.map((item: { id: string }) => item.id)).not.toContain(id)
  })

  it("refuses signals that no task declares, including the id of an ask", async () => {
    const id = await start({ write: { ...letter("eve"), signals: ["paid"] } })
    const [ask] = await asksOf(id)
    const { body: before } = await call(`/executions/${id}`)
    const within = ask.id.slice(id.length + 1).replaceAll("~", "/")
    for (const name of ["piad", ask.id, within, "write"])
      expect(await call(`/executions/${id}/signals/${encodeURIComponent(name)}`, { body: true }), name).toMatchObject({
        status: 404,
        body: { code: "not-found", resource: "signal" }
      })
    expect((await call(`/executions/${id}`)).body.lastSeq).toBe(before.lastSeq)
    expect(await call(`/executions/${id}/signals/paid`, { body: true })).toMatchObject({ status: 202 })
    await call(`/executions/${id}/cancel`, { method: "POST" })
  })

  it("is answered over the WebSocket of the execution, too", async () => {
    const id = await start({ write: letter("finn"), more: letter("gus") })
    const other = await start({ write: letter("hal") })
    const asks = await asksOf(id, 2)
    const [foreign] = await asksOf(other)
    const client = Socket.open(server.url, id)
    await client.until(({ type }) => type === "TaskSuspended")
    const replies = () => client.messages.filter(({ type }) => type === "AnswerAccepted" || type === "AnswerRefused")
    const say = async (message: unknown) => {
      const count = replies().length
      client.socket.send(typeof message === "string" ? message : JSON.stringify(message))
      await client.until(() => replies().length > count)
      return replies().at(-1)!
    }
    const problem = (status: number, code: string) => ({ type: "AnswerRefused", problem: { status, code } })
    expect(await say("{")).toMatchObject(problem(400, "invalid-syntax"))
    expect(await say({ type: "shout", id: "x" })).toMatchObject({ ...problem(400, "invalid-request"), id: "x" })
    expect(await say({ type: "answer", id: foreign.id, answer: "approve" })).toMatchObject(problem(404, "not-found"))
    const [first, second] = asks
    expect(await say({ type: "answer", id: first.id, answer: "approve", hash: "x" })).toMatchObject(
      problem(422, "hash-mismatch")
    )
    expect(await say({ type: "answer", id: first.id, answer: "edit", arguments: {} })).toMatchObject({
      ...problem(400, "invalid-request"),
      problem: { errors: [{ path: ["arguments"] }] }
    })
    const big = "x".repeat(100_000)
    expect(await say({ type: "answer", id: first.id, answer: "deny", reason: big })).toMatchObject({
      type: "AnswerAccepted",
      id: first.id,
      ask: { state: "answered", answer: { answer: "deny" } }
    })
    expect(await say({ type: "answer", id: first.id, answer: "approve" })).toMatchObject(problem(409, "ask-closed"))
    await say({ type: "answer", id: second.id, answer: "approve" })
    expect(await client.closed).toMatchObject({ code: 1000 })
    expect(client.seqs()).toEqual(Socket.upTo(client.seqs().length))
    await call(`/executions/${other}/cancel`, { method: "POST" })
  })

  it("logs neither the contents of asks nor answers", async () => {
    const id = await start({ write: letter(`ann with token=${secret}`) })
    const [ask] = await asksOf(id)
    await answer(ask.id, { answer: "deny", reason: `password: ${secret}`, hsah: "x" })
    await answer(ask.id, { answer: "deny", reason: `password: ${secret}` })
    await ended(id)
    expect(logged.join("\n")).not.toContain(secret)
  })
})
