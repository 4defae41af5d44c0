/** An approval of a real `file_write`, across a server that is killed while it waits. */
import * as Gates from "@crewline/fake-provider/Gates"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Process from "./Cli/Process.ts"
import * as Storage from "./crash/Storage.ts"
import * as Server from "./fake/Server.ts"
import { eventually } from "./fake/Site.ts"

describe("an approved write", { timeout: 120_000 }, () => {
  let storage: Storage.Storage
  let gates: Gates.Gates
  const running: Array<Process.Running> = []
  beforeAll(async () => {
    storage = await Storage.embedded()
    gates = await Gates.start()
  }, 60_000)
  afterAll(async () => {
    for (const { child } of running) child.kill("SIGKILL")
    await Promise.all(running.map(({ ended }) => ended))
    await gates.stop()
    await storage.dispose()
    await Storage.disposeShared()
  }, 60_000)

  const serve = async () => {
    const env = { ...storage.env, OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: gates.baseURL }
    const process = Process.start(["serve", "--port", "0"], { env })
    running.push(process)
    return { process, url: (await process.said(/Crewline listens on (\S+)/))[1]! }
  }

  it("survives SIGKILL; an edit changes the written content, and the audit log names the editor", async () => {
    const first = await serve()
    const made = await Server.request(`${first.url}/api/v1/keys`, { body: { name: "root", role: "admin" } })
    const headers = { authorization: `Bearer ${made.body.key}` }
    const key = await Server.request(`${first.url}/api/v1/keys`, { body: { name: "ann", role: "operator" }, headers })
    expect([made.status, key.status]).toEqual([201, 201])
    const get = async (url: string, path: string) => {
      const { body, status } = await Server.request(`${url}/api/v1/${path}`, { headers })
      expect([path, status]).toEqual([path, 200])
      return body
    }
    const { body } = await Server.request(`${first.url}/api/v1/executions`, {
      headers,
      body: {
        crew: {
          name: "writer",
          agents: { a: { role: "r", goal: "g", model: "openai/fake", tools: ["file_write"] } },
          policy: { ask: ["file_write"] },
          tasks: { only: { description: `Write. ${Gates.to("write")}`, expectedOutput: "text", agent: "a" } }
        }
      }
    })
    ;(await gates.next("write")).call("file_write", { path: "letter.txt", content: "Dear all" })
    const open = async (url: string) => (await get(url, `inbox?state=open&executionId=${body.id}`)).items
    const [before] = await eventually(
      () => open(first.url),
      ({ length }) => length > 0
    )
    expect(before.shown).toMatchObject({ tool: "file_write", arguments: { path: "letter.txt", content: "Dear all" } })
    first.process.child.kill("SIGKILL")
    await first.process.ended

    const { url } = await serve()
    expect(await open(url)).toEqual([before])
    expect((await get(url, `executions/${body.id}/files`)).items).toEqual([])
    const answer = { answer: "edit", arguments: { path: "letter.txt", content: "Dear Ada" }, hash: before.hash }
    const answered = await Server.request(`${url}/api/v1/inbox/${before.id}/answer`, {
      body: answer,
      headers: { authorization: `Bearer ${key.body.key}` }
    })
    expect(answered).toMatchObject({ status: 200, body: { state: "answered", answeredBy: { name: "ann" } } })
    ;(await gates.next("write")).answer("Written.")
    const view = await eventually(
      () => get(url, `executions/${body.id}`),
      ({ endedAt }) => endedAt !== undefined
    )
    expect(view).toMatchObject({ status: "completed" })
    const written = await fetch(`${url}/api/v1/executions/${body.id}/files/letter.txt`, { headers })
    expect(await written.text()).toBe("Dear Ada")

    const { items } = await get(url, `executions/${body.id}/events?limit=1000`)
    const calls = items.filter(({ type }: { type: string }) => type === "ToolCalled")
    expect(calls).toHaveLength(1)
    expect(calls[0]).toMatchObject({ arguments: answer.arguments, decision: { verdict: "ask", by: "rule" } })
    const rows = await eventually(
      async () => (await get(url, "audit?operation=inbox.answer")).items,
      ({ length }) => length > 0
    )
    expect(rows[0]).toMatchObject({ operation: "inbox.answer", resource: before.id, actor: "ann", role: "operator" })
  })
})
