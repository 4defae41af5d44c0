import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Provider from "./fake/Provider.ts"
import * as Server from "./fake/Server.ts"
import * as Providers from "@crewline/llm/Providers"
import * as Layer from "effect/Layer"

let server: Server.Running
let first: Provider.Provider
let second: Provider.Provider
beforeAll(async () => {
  vi.stubEnv("ACME_API_KEY", "acme-secret")
  server = await Server.start({ worker: { graceMillis: 0 } })
  first = await Provider.start("From the first.")
  second = await Provider.start("From the second.")
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await server.stop()
  first.close()
  second.close()
})

const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
  Server.request(server.url + path, options)

/** Runs one task with this model to its end. */
const run = async (model: string, { limits, url = server.url }: { limits?: object; url?: string } = {}) => {
  const { body: started } = await Server.request(`${url}/api/v1/executions`, {
    body: {
      crew: {
        name: "c",
        agents: { a: { role: "r", goal: "g", model } },
        tasks: { t: { description: "d", expectedOutput: "e", retry: { attempts: 1 } } },
        ...(limits && { limits })
      }
    }
  })
  for (;;) {
    const { body } = await Server.request(`${url}/api/v1/executions/${started.id}`)
    if (body.endedAt !== undefined) return body
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe("a stored provider", () => {
  it("is used by the next call, as it is by then, with no restart", async () => {
    expect(await run("acme/large")).toMatchObject({ output: "Done: t." })
    const { body: stored } = await call("/api/v1/llm-providers", {
      body: { name: "acme", kind: "openai-compatible", baseUrl: first.baseUrl, apiKeyVariable: "ACME_API_KEY" }
    })
    expect(await run("acme/large")).toMatchObject({ status: "completed", output: "From the first." })
    expect(first.calls).toMatchObject([{ authorization: "Bearer acme-secret", model: "large" }])
    await call(`/api/v1/llm-providers/${stored.id}`, { method: "PUT", body: { ...stored, baseUrl: second.baseUrl } })
    expect(await run("acme/large")).toMatchObject({ output: "From the second." })
    expect(first.calls).toHaveLength(1)
    // Others are not its business.
    expect(await run("other/large")).toMatchObject({ output: "Done: t." })
    await call(`/api/v1/llm-providers/${stored.id}`, { method: "DELETE" })
    expect(await run("acme/large")).toMatchObject({ output: "Done: t." })
  })

  it("that offers some models has no others, and one without its key says which variable it wants", async () => {
    await call("/api/v1/llm-providers", {
      body: { name: "few", kind: "openai-compatible", baseUrl: first.baseUrl, models: ["small"] }
    })
    expect(await run("few/small")).toMatchObject({ output: "From the first." })
    const refused = await run("few/large")
    expect(refused).toMatchObject({ status: "failed" })
    expect(refused.error.message).toContain("offers small, but not large")
    await call("/api/v1/llm-providers", {
      body: { name: "keyless", kind: "openai-compatible", baseUrl: first.baseUrl, apiKeyVariable: "MISSING_API_KEY" }
    })
    const keyless = await run("keyless/any")
    expect(keyless.error.message).toContain("MISSING_API_KEY")
  })

  it("keeps to the budget that the models of the environment keep to", async () => {
    const own = await Server.start({ llm: Layer.orDie(Providers.layerConfig), worker: { graceMillis: 0 } })
    try {
      const asked = first.calls.length
      await Server.request(`${own.url}/api/v1/llm-providers`, {
        body: { name: "dear", kind: "openai-compatible", baseUrl: first.baseUrl }
      })
      const limited = await run("dear/large", { url: own.url, limits: { tokens: 30 } })
      expect(limited).toMatchObject({ status: "failed" })
      expect(limited.error.message).toContain("has 30 tokens left")
      expect(first.calls).toHaveLength(asked)
      expect(await run("dear/large", { url: own.url, limits: { tokens: 5_000 } })).toMatchObject({
        output: "From the first."
      })
    } finally {
      await own.stop()
    }
  })
})
