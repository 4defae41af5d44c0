/** Memory by meaning in `crewline worker`, by `CREWLINE_EMBEDDER`. */
import * as FakeProvider from "@crewline/fake-provider"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as PostgresServer from "../../memory-pg/test/PostgresServer.ts"
import * as Server from "./fake/Server.ts"
import * as Site from "./fake/Site.ts"

const missing = Site.missing ?? PostgresServer.missingVectors
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const crew = {
  name: "animals",
  memory: true,
  agents: { keeper: { role: "Keeper", goal: "Know animals", model: "openai/fake" } },
  tasks: { tell: { description: "{question}", expectedOutput: "One sentence." } },
  inputs: { question: {} }
}

describe.skipIf(missing !== undefined)(missing ?? "a worker with an embedder", { timeout: 120_000 }, () => {
  let site: Site.Site
  let provider: FakeProvider.FakeProvider
  beforeAll(async () => {
    const vectors = FakeProvider.vectors(() => [1, 0, 0])
    const answer = FakeProvider.answer({ text: "Otters hold hands." })
    provider = await FakeProvider.start((request, response) =>
      (request.path.endsWith("/embeddings") ? vectors : answer)(request, response)
    )
    site = await Site.open({ OPENAI_BASE_URL: provider.baseURL, CREWLINE_EMBEDDER: "openai/animals" })
  }, 120_000)
  afterAll(async () => {
    await site.close()
    await provider.stop()
  }, 60_000)

  it("reminds agents of what has no word in common with their task", async () => {
    const [url] = await Promise.all([site.serve("--no-worker"), site.work()])
    const run = async (question: string) => {
      const { body } = await Server.request(`${url}/api/v1/executions`, { body: { crew, inputs: { question } } })
      expect(await Site.ended(url, body.id)).toMatchObject({ status: "completed" })
      const { items } = await Site.get(url, `executions/${body.id}/events?limit=1000`)
      return items.filter(({ type }: { readonly type: string }) => type === "MemoryRecalled")
    }
    await run("How does it sleep?")
    // Its vector is stored after the memory.
    await Site.eventually(
      () => Server.request(`${url}/api/v1/memories/search`, { body: { query: "brooks", scope: { crew: "animals" } } }),
      ({ body }) => body.items.length > 0
    )
    expect(await run("Who swims in brooks?")).toMatchObject([{ why: [expect.stringContaining("similar in meaning")] }])
  })
})
