import { expect, it } from "vitest"
import { lint, lintServer } from "../scripts/openapi.mjs"

it("the document of the server passes the linters without errors and warnings", { timeout: 60_000 }, async () => {
  expect(await lintServer()).toEqual([])
})

it("the linters name what is wrong with a document", { timeout: 60_000 }, async () => {
  const found = await lint({
    openapi: "3.1.0",
    info: { title: "Broken", version: "1" },
    paths: { "/a": { get: { operationId: "a", responses: { 200: { description: "Yes" } } } } }
  })
  expect(found).toContainEqual(expect.stringMatching(/^redocly error no-empty-servers at #\/openapi: Servers must be/))
  expect(found).toContainEqual(expect.stringMatching(/^spectral operation-description at #\/paths\/\/a\/get: /))
})
