/** Memory by meaning in `crewline run`, by `CREWLINE_EMBEDDER`. */
import * as FakeProvider from "@crewline/fake-provider"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as InProcess from "./InProcess.ts"
import * as Process from "./Process.ts"

const folder = mkdtempSync(join(tmpdir(), "crewline-embedder-"))
const file = join(folder, "animals.yaml")
writeFileSync(
  file,
  `name: animals
memory: true
agents: { keeper: { role: Keeper, goal: Know animals, model: openai/fake } }
tasks:
  sleep: { description: How does it sleep?, expectedOutput: One sentence. }
  name: { description: Who swims in brooks?, expectedOutput: One sentence., dependsOn: [sleep] }
`
)

describe("crewline run", { timeout: 60_000 }, () => {
  let provider: FakeProvider.FakeProvider
  beforeAll(async () => {
    const vectors = FakeProvider.vectors(() => [1, 0, 0])
    const answer = FakeProvider.answer({ text: "Otters hold hands." })
    provider = await FakeProvider.start((request, response) =>
      (request.path.endsWith("/embeddings") ? vectors : answer)(request, response)
    )
  })
  afterAll(async () => {
    await provider.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it("recalls by meaning with CREWLINE_EMBEDDER", async () => {
    const env = { OPENAI_BASE_URL: provider.baseURL, OPENAI_API_KEY: "k", CREWLINE_EMBEDDER: "openai/animals" }
    const { code, stderr, stdout } = await InProcess.run(["run", file, "--json"], { env })
    expect(code, stderr).toBe(0)
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly type: string })
    expect(events.filter(({ type }) => type === "MemoryRecalled").at(-1)).toMatchObject({
      taskId: "name",
      why: [expect.stringContaining("similar in meaning")]
    })
  })

  it("names the package that the embedder needs, and the command that installs it", async () => {
    const hook = `(name, context, next) => {
      if (name !== "@crewline/words") return next(name, context)
      throw Object.assign(new Error("Cannot find package '@crewline/words'"), { code: "ERR_MODULE_NOT_FOUND" })
    }`
    const text = `import { registerHooks } from "node:module"; registerHooks({ resolve: ${hook} })`
    const { code, stderr, stdout } = await Process.run(["run", file], {
      env: { CREWLINE_EMBEDDER: "builtin/words" },
      node: ["--import", `data:text/javascript,${encodeURIComponent(text)}`]
    })
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toContain("CREWLINE_EMBEDDER: ")
    expect(stderr).toContain("the package @crewline/words, which is not installed: npm install @crewline/words")
  })
})
