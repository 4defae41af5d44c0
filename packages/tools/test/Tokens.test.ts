/** The cost of tool descriptions in every request. */
import { encode } from "gpt-tokenizer"
import { expect, it } from "vitest"
import * as Tools from "../src/index.ts"

const tokensOf = (names: ReadonlyArray<string>): number => {
  const tools = Tools.make().filter(({ name }) => names.includes(name))
  const sent = tools.map(({ description, name, parameters }) => ({
    type: "function",
    function: { name, description, parameters }
  }))
  return encode(JSON.stringify(sent)).length
}

it("are few", () => {
  const all = Tools.make().map(({ name }) => name)
  const three = tokensOf(["file_read", "web_search", "calculate"])
  console.log(`three tools: ${three} tokens; all ${all.length}: ${tokensOf(all)}`)
  expect(three).toBeLessThan(165)
  expect(tokensOf(all) / all.length).toBeLessThan(66)
})

it("ask for one form of an argument, and accept the others", () => {
  const tools = Tools.make()
  const shown = (name: string) => tools.find((tool) => tool.name === name)!.parameters["properties"]
  expect(shown("data_query")).toEqual({
    sql: { type: "string" },
    files: { type: "array", items: { type: "string" } }
  })
  expect(shown("chart")).toMatchObject({ labels: { type: "array", items: { type: "string" } } })
})
