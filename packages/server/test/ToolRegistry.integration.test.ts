/**
 * Registered tools on another machine: a worker process calls what a tenant has registered at the
 * server, with the tenant's secret.
 */
import * as Gates from "@crewline/fake-provider/Gates"
import { once } from "node:events"
import { createServer } from "node:http"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"
import { ended, get, missing, open, type Site } from "./fake/Site.ts"

if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const secret = "sk-canary-of-orders"

describe.skipIf(missing !== undefined)(missing ?? "tools registered at a server", { timeout: 120_000 }, () => {
  const calls: Array<{ readonly url: string; readonly authorization: string | undefined }> = []
  const api = createServer(({ headers, url = "" }, response) => {
    calls.push({ url, authorization: headers.authorization })
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ order: 7 }))
  })
  let site: Site
  beforeAll(async () => {
    api.listen(0, "127.0.0.1")
    await once(api, "listening")
    site = await open({
      CREWLINE_ALLOW_ADDRESSES: "127.0.0.0/8",
      CREWLINE_MASTER_KEY: Buffer.alloc(32, 3).toString("base64")
    })
  }, 60_000)
  afterAll(async () => {
    await site?.close()
    api.close()
  }, 60_000)

  it("are called by a worker process, also when registered after it started", async () => {
    const [url, worker] = await Promise.all([site.serve("--no-worker"), site.work()])
    const send = (path: string, body: object) => Server.request(`${url}/api/v1/${path}`, { body })
    expect(await send("secrets", { name: "orders", value: secret })).toMatchObject({ status: 201 })
    const address = api.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const id = { name: "id", in: "path", required: true, schema: { type: "integer" } }
    const registered = await send("tools", {
      name: "orders",
      document: {
        openapi: "3.1.0",
        servers: [{ url: `http://127.0.0.1:${port}/v1` }],
        paths: { "/orders/{id}": { get: { operationId: "getOrder", summary: "Reads an order.", parameters: [id] } } }
      },
      hosts: ["127.0.0.1"],
      auth: { type: "bearer", secret: "orders" }
    })
    expect(registered).toMatchObject({ status: 201 })
    const started = await send("executions", {
      crew: {
        name: "orders",
        agents: { a: { role: "r", goal: "g", model: "openai/fake", tools: ["getOrder"] } },
        tasks: { look: { description: `Look. ${Gates.to("look")}`, expectedOutput: "text", agent: "a" } }
      }
    })
    expect(started).toMatchObject({ status: 202 })
    ;(await site.gates.next("look")).call("getOrder", { id: 7 })
    ;(await site.gates.next("look")).answer("done")
    expect(await ended(url, started.body.id)).toMatchObject({ status: "completed", output: "done" })
    expect(calls).toEqual([{ url: "/v1/orders/7", authorization: `Bearer ${secret}` }])
    const { items } = await get(url, `executions/${started.body.id}/events?limit=1000`)
    const called = items.find(({ type }: { readonly type: string }) => type === "ToolCalled")
    expect(JSON.stringify(called)).toContain('"order":7')
    expect(JSON.stringify(items)).not.toContain(secret)
    await worker.said(/Task completed/)
  })
})
