import * as FakeProvider from "@crewline/fake-provider"
import * as Redacted from "effect/Redacted"
import { readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Server from "./fake/Server.ts"

const canary = "CANARY0123456789"

/** The variables that appear in the sources of an installed SDK. */
const variablesOf = (sdk: string, prefix: string): ReadonlyArray<string> => {
  const resolve = createRequire(createRequire(import.meta.url).resolve("@crewline/llm/OpenAi")).resolve
  const folder = dirname(resolve(sdk))
  const names = new Set<string>()
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!/\.[cm]?js$/.test(file)) continue
    const text = readFileSync(join(folder, file), "utf8")
    for (const [name] of text.matchAll(new RegExp(`(?<![A-Z_])${prefix}_[A-Z][A-Z_]+`, "g"))) names.add(name)
  }
  return [...names]
}

let server: Server.Running
let foreign: FakeProvider.FakeProvider
let variables: ReadonlyArray<string>

beforeAll(async () => {
  variables = [
    ...variablesOf("openai", "OPENAI"),
    ...variablesOf("@anthropic-ai/sdk", "ANTHROPIC"),
    ...variablesOf("ollama/browser", "OLLAMA"),
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY"
  ]
  for (const name of variables) {
    // As the value of a header, as additional headers, and in place of headers that every request
    // has.
    const isHeaders = name.endsWith("_HEADERS")
    const names = ["X-Gateway-Key", "Authorization", "X-Api-Key", "User-Agent", "OpenAI-Project", "Content-Type"]
    const address = /_PROXY$|_URL$|_HOST$/.test(name) ? "http://127.0.0.1:9" : canary
    vi.stubEnv(name, isHeaders ? names.map((each) => `${each}: ${canary}`).join("\n") : address)
  }
  foreign = await FakeProvider.start(FakeProvider.answer({ text: "OK" }))
  const current = Redacted.make(Buffer.alloc(32, 1).toString("base64"))
  server = await Server.start({ worker: { graceMillis: 0 }, masterKeys: { current } })
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await server.stop()
  await foreign.stop()
})

describe("variables that official SDKs read", { timeout: 60_000 }, () => {
  it("were found in their sources", () => {
    expect(variables).toEqual(
      expect.arrayContaining([
        "OPENAI_API_KEY",
        "OPENAI_CUSTOM_HEADERS",
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_CUSTOM_HEADERS",
        "OLLAMA_API_KEY"
      ])
    )
  })

  it.each([
    { kind: "openai", api: "responses" },
    { kind: "openai", api: "chat" },
    { kind: "openai-compatible" },
    { kind: "anthropic" },
    { kind: "ollama" }
  ])("do not reach the host of a stored provider: %o", async ({ kind, ...rest }) => {
    for (const key of [{}, { apiKey: "stored-key" }]) {
      const name = `stored-${kind}-${"api" in rest ? rest.api : ""}-${"apiKey" in key ? "key" : "none"}`
      const baseUrl = kind === "ollama" ? foreign.origin : foreign.baseURL
      const { body: stored, status } = await Server.request(`${server.url}/api/v1/llm-providers`, {
        body: { name, kind, baseUrl, models: ["m"], ...rest, ...key }
      })
      expect(status, JSON.stringify(stored)).toBe(201)
      const before = foreign.received.length
      // The first request of a client is built, later ones reuse it.
      for (let time = 0; time < 2; time++) {
        const { body } = await Server.request(`${server.url}/api/v1/llm-providers/${stored.id}/test`, {
          method: "POST"
        })
        expect(body).toMatchObject({ ok: true })
      }
      const received = foreign.received.slice(before)
      expect(received).toHaveLength(2)
      for (const { authorization, headers, path, text } of received) {
        expect(JSON.stringify({ headers, path, text })).not.toContain(canary)
        if ("apiKey" in key) expect(authorization.replace("Bearer ", "")).toBe("stored-key")
      }
    }
  })
})
