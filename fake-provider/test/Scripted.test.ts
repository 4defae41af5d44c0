/** The scripted provider as a process, steered by directives in prompts. */
import { OpenAI } from "openai"
import { afterAll, beforeAll, expect, it } from "vitest"
import * as Directives from "../src/Directives.ts"
import * as Process from "../src/Process.ts"

let provider: Process.Process
let client: OpenAI
beforeAll(async () => {
  provider = await Process.start("--chunk-delay", "0")
  client = new OpenAI({ apiKey: "k", baseURL: provider.baseURL, maxRetries: 0 })
})
afterAll(() => provider.stop())

const ask = (content: string) =>
  client.chat.completions.create({ model: "m", messages: [{ role: "user", content }] }).then(({ choices: [first] }) => {
    const { content: text, tool_calls = [] } = first!.message
    return { text, calls: tool_calls.map((call) => (call.type === "function" ? call.function : undefined)) }
  })

it("calls tools, answers and fails as the prompt says", async () => {
  expect(await ask("[[answer:Yes.]] Well?")).toEqual({ text: "Yes.", calls: [] })
  const called = await ask('[[tool:a {"n":"]]"}]] + [[tool:b {}]] [[tool:c {}]] Go.')
  expect(called.calls).toEqual([
    { name: "a", arguments: '{"n":"]]"}' },
    { name: "b", arguments: "{}" }
  ])
  const refused = "[[fail:429:2]] Again?"
  await expect(ask(refused)).rejects.toThrow("429")
  await expect(ask(refused)).rejects.toThrow("429")
  expect((await ask(refused)).text).toContain("Again?")
})

it("counts what it was asked and what it answered, by turn", async () => {
  const prompt = "[[fail:500:1]] Counted?"
  await expect(ask(prompt)).rejects.toThrow("500")
  await ask(prompt)
  const key = Process.turnKey(1, prompt)
  expect((await provider.asked()).get(key)).toBe(2)
  expect((await provider.answered()).get(key)).toBe(1)
})

it("never passes directives on", () => {
  expect(Directives.strip('[[tool:a {"x":[[1]]}]] Say [[answer:no]] it [[ now ]].')).toBe("Say  it [ now ]].")
})
