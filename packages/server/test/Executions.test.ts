import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"

/** Tasks of this description wait until the test lets them go on. */
let gate = Deferred.makeUnsafe<void>()
let calls = 0
let server: Server.Running
beforeAll(async () => {
  server = await Server.start({
    answer: (request) => {
      calls++
      const waits = JSON.stringify(request.messages).includes("wait for it")
      return (waits ? Deferred.await(gate) : Effect.void).pipe(Effect.as(`Done: ${request.caller?.taskId}.`))
    }
  })
})
afterAll(() => server.stop())

const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
  Server.request(server.url + path, options)

const crew = (name: string, description = "Gather {topic}") => ({
  name,
  agents: { researcher: { role: "Researcher", goal: "Find out", backstory: "Curious" } },
  tasks: {
    gather: { description, expectedOutput: "Notes", agent: "researcher" },
    write: { description: "Write", expectedOutput: "A text", agent: "researcher", context: ["gather"] }
  }
})

const ended = async (id: string) => {
  for (;;) {
    const { body } = await call(`/api/v1/executions/${id}`)
    if (body.endedAt !== undefined) return body
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe("/api/v1/executions", () => {
  it("runs a stored crew, and answers its state task by task", async () => {
    const stored = await call("/api/v1/crews", { body: crew("stored") })
    expect(stored.status).toBe(201)
    const started = await call("/api/v1/executions", {
      body: { crewId: stored.body.id, inputs: { topic: "otters" } }
    })
    expect(started.status).toBe(202)
    expect(started.body).toMatchObject({ crewName: "stored", crewId: stored.body.id })
    expect(["pending", "running", "completed"]).toContain(started.body.status)
    expect(started.headers.get("location")).toBe(`/api/v1/executions/${started.body.id}`)
    const done = await ended(started.body.id)
    expect(done).toMatchObject({
      id: started.body.id,
      status: "completed",
      output: "Done: write.",
      tasks: {
        gather: { status: "completed", attempts: 1, output: "Done: gather.", agent: "researcher" },
        write: { status: "completed", attempts: 1, output: "Done: write." }
      },
      usage: { requests: 2, inputTokens: 20, outputTokens: 10 }
    })
    expect(Object.keys(done.tasks)).toEqual(["gather", "write"])
  })

  it("says why a task was skipped", async () => {
    const when = { task: "gather", contains: "a word that nobody says" }
    const { tasks, ...rest } = crew("skips", "Gather")
    const { body: started } = await call("/api/v1/executions", {
      body: { crew: { ...rest, tasks: { gather: tasks.gather, write: { ...tasks.write, when } } } }
    })
    expect((await ended(started.id)).tasks.write).toMatchObject({
      status: "skipped",
      skipped: { reason: "condition" }
    })
  })

  it("answers the events as pages", async () => {
    const { body: started } = await call("/api/v1/executions", {
      body: { crew: crew("events"), inputs: { topic: "x" } }
    })
    const { lastSeq } = await ended(started.id)
    const seen: Array<number> = []
    let after: number | undefined = 0
    while (after !== undefined) {
      const { body }: Server.Answered = await call(`/api/v1/executions/${started.id}/events?after=${after}&limit=3`)
      expect(body.items.length).toBeLessThanOrEqual(3)
      for (const event of body.items) expect(event).toMatchObject({ executionId: started.id, at: expect.any(String) })
      seen.push(...body.items.map((event: { seq: number }) => event.seq))
      after = body.nextAfter
    }
    expect(seen).toEqual(Array.from({ length: lastSeq }, (_, n) => n + 1))
    expect(await call("/api/v1/executions/exec_none/events")).toMatchObject({
      status: 404,
      body: { code: "not-found" }
    })
    expect(await call(`/api/v1/executions/${started.id}/events?after=-1`)).toMatchObject({ status: 400 })
  })

  it("starts once for one idempotency key, and refuses the key with another request", async () => {
    const body = { crew: crew("idempotent"), inputs: { topic: "x" } }
    const headers = { "idempotency-key": "key-1" }
    const answers = await Promise.all(Array.from({ length: 5 }, () => call("/api/v1/executions", { body, headers })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1)
    await ended(answers[0]!.body.id)
    const replay = await call("/api/v1/executions", { body, headers })
    expect(replay).toMatchObject({ status: 202, body: { id: answers[0]!.body.id, status: "completed" } })
    const other = await call("/api/v1/executions", { body: { ...body, inputs: { topic: "y" } }, headers })
    expect(other).toMatchObject({ status: 422, body: { code: "idempotency-key-reused" } })
    expect(await call("/api/v1/executions", { body, headers: { "idempotency-key": "a b" } })).toMatchObject({
      status: 400
    })
    const listed = await call("/api/v1/executions?crewName=idempotent")
    expect(listed.body.items).toHaveLength(1)
  })

  it("lists by status, crew and name, page by page", async () => {
    const stored = await call("/api/v1/crews", { body: crew("listed") })
    const ids: Array<string> = []
    for (let n = 0; n < 5; n++) {
      const { body } = await call("/api/v1/executions", { body: { crewId: stored.body.id, inputs: { topic: "x" } } })
      ids.push(body.id)
      await ended(body.id)
    }
    const path = `/api/v1/executions?crewId=${stored.body.id}&status=completed`
    const first = await call(`${path}&limit=3`)
    expect(first.body.items).toHaveLength(3)
    expect(first.body.items[0]).toMatchObject({ crewName: "listed", crewId: stored.body.id, status: "completed" })
    const second = await call(`${path}&limit=3&cursor=${first.body.nextCursor}`)
    expect(second.body.nextCursor).toBeUndefined()
    const listed = [...first.body.items, ...second.body.items].map(({ id }: { id: string }) => id)
    expect(listed).toEqual([...ids].reverse())
    expect((await call("/api/v1/executions?crewName=listed&status=failed,cancelled")).body.items).toEqual([])
    expect(await call("/api/v1/executions?status=done")).toMatchObject({
      status: 400,
      body: { errors: [{ path: ["query", "status"] }] }
    })
  })

  it("cancels, which stops the call in flight", async () => {
    gate = Deferred.makeUnsafe<void>()
    const before = calls
    const { body: started } = await call("/api/v1/executions", { body: { crew: crew("slow", "wait for it") } })
    while (calls === before) await new Promise((resolve) => setTimeout(resolve, 5))
    const running = await call(`/api/v1/executions/${started.id}`)
    expect(running.body).toMatchObject({
      status: "running",
      tasks: { gather: { status: "running", attempts: 1 }, write: { status: "pending", attempts: 0 } }
    })
    const cancelled = await call(`/api/v1/executions/${started.id}/cancel`, { method: "POST" })
    expect(cancelled).toMatchObject({ status: 202, body: { status: "cancelled" } })
    // Only what never changes again has a tag that does not depend on its bytes.
    const final = /^"ended-\d+"$/
    expect(running.headers.get("etag")).not.toMatch(final)
    expect((await call(`/api/v1/executions/${started.id}`)).headers.get("etag")).toMatch(final)
    expect(await call(`/api/v1/executions/${started.id}/cancel`, { method: "POST" })).toMatchObject({ status: 202 })
    expect(await call("/api/v1/executions/exec_none/cancel", { method: "POST" })).toMatchObject({ status: 404 })
    expect(await call(`/api/v1/executions/${started.id}/signals/go`, { body: true })).toMatchObject({
      status: 409,
      body: { code: "execution-conflict" }
    })
  })

  it("says what is wrong with a start", async () => {
    expect(await call("/api/v1/executions", { body: {} })).toMatchObject({
      status: 400,
      body: { errors: [{ path: [], code: "missing-key" }] }
    })
    expect(await call("/api/v1/executions", { body: { crewId: "crew_none" } })).toMatchObject({
      status: 404,
      body: { resource: "crew", id: "crew_none" }
    })
    const both = await call("/api/v1/executions", {
      body: { crewId: "crew_none", crew: crew("both", "Gather"), input: {} }
    })
    expect(both).toMatchObject({ status: 400 })
    expect(both.body.errors).toHaveLength(2)
    expect(await call("/api/v1/executions", { body: { crew: crew("no input") } })).toMatchObject({
      status: 422,
      body: { code: "crew-invalid", errors: [{ code: "missing-input" }] }
    })
  })

  it("streams events, from where the client was", async () => {
    gate = Deferred.makeUnsafe<void>()
    const { body: started } = await call("/api/v1/executions", { body: { crew: crew("streamed", "wait for it") } })
    const path = `${server.url}/api/v1/executions/${started.id}/events`
    const response = await fetch(path, { headers: { accept: "text/event-stream" } })
    expect(response.headers.get("content-type")).toContain("text/event-stream")
    let text = ""
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      // The model answers once the stream is known to be live.
      if (text.includes("id: 2\n")) Deferred.doneUnsafe(gate, Effect.void)
    }
    const blocks = text.trimEnd().split("\n\n")
    const stored = blocks.filter((block) => block.startsWith("id: "))
    const { lastSeq } = await ended(started.id)
    expect(stored.map((block) => Number(/^id: (\d+)/.exec(block)![1]))).toEqual(
      Array.from({ length: lastSeq }, (_, n) => n + 1)
    )
    expect(blocks.some((block) => block.startsWith("data: ") && block.includes('"TextDelta"'))).toBe(true)
    const rest = await fetch(`${path}?after=1`, {
      headers: { accept: "text/event-stream", "last-event-id": String(lastSeq - 2) }
    })
    expect((await rest.text()).match(/^id: \d+/gm)).toEqual([`id: ${lastSeq - 1}`, `id: ${lastSeq}`])
    const over = await fetch(path, { headers: { accept: "text/event-stream", "last-event-id": String(lastSeq) } })
    expect(over.status).toBe(204)
    const beyond = await fetch(`${path}?after=999`, { headers: { accept: "text/event-stream" } })
    expect(beyond.status).toBe(400)
  })

  it("runs a crew whose agent is stored, as the agent is when it starts", async () => {
    const agent = await call("/api/v1/agents", { body: { name: "r", role: "Researcher", goal: "Find out" } })
    const body = { ...crew("referring", "Gather"), agents: { researcher: { agentId: agent.body.id } } }
    const stored = await call("/api/v1/crews", { body })
    expect(stored).toMatchObject({ status: 201, body: { agents: { researcher: { agentId: agent.body.id } } } })
    await call(`/api/v1/agents/${agent.body.id}`, {
      method: "PUT",
      body: { name: "r", role: "Archivist", goal: "Remember" }
    })
    const { body: started } = await call("/api/v1/executions", { body: { crewId: stored.body.id } })
    await ended(started.id)
    const { body: events } = await call(`/api/v1/executions/${started.id}/events?limit=1`)
    expect(events.items[0].plan.agents.researcher).toMatchObject({ role: "Archivist" })
    await call(`/api/v1/agents/${agent.body.id}`, { method: "DELETE" })
    expect(await call("/api/v1/executions", { body: { crewId: stored.body.id } })).toMatchObject({
      status: 422,
      body: { errors: [{ code: "unknown-agent", path: ["crew", "agents", "researcher", "agentId"] }] }
    })
  })

  it("names what is wrong with the body and with the crew in it at once", async () => {
    const refused = await call("/api/v1/executions", {
      body: { crew: { ...crew("wrong", "Gather"), proces: "parallel" }, inputz: {} }
    })
    expect(refused.status).toBe(400)
    expect(refused.body.errors).toMatchObject([
      { code: "unknown-key", path: ["inputz"] },
      { code: "unknown-key", path: ["crew", "proces"], suggestion: "process" }
    ])
  })
})
