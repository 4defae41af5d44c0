import * as Effect from "effect/Effect"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as Problem from "../../src/Api/Problem.ts"

describe("Problem", () => {
  it("is an error of its code, answered with the status from the table", async () => {
    const problem = Problem.make("not-found", { resource: "crew", id: "x", detail: "There is no crew x." })
    expect(problem).toBeInstanceOf(Error)
    expect(problem).toMatchObject({ _tag: "not-found", message: "There is no crew x." })
    const response = await Effect.runPromise(HttpServerRespondable.toResponse(problem))
    expect(response.status).toBe(404)
    const [schema] = Problem.schemas("not-found")
    expect(Schema.encodeSync(schema)(problem)).toEqual({
      type: "/problems/not-found",
      title: "The resource does not exist",
      status: 404,
      code: "not-found",
      resource: "crew",
      id: "x",
      detail: "There is no crew x."
    })
  })

  it("is listed in the documentation, each with its status and meaning", () => {
    const text = readFileSync(join(import.meta.dirname, "../../../../docs/http-api.md"), "utf8")
    const rows = text
      .slice(text.indexOf("\n## Problems"))
      .split("\n")
      .filter((line) => /^\| \d/.test(line))
      .map((line) => line.split("|").map((cell) => cell.trim()))
      .map(([, status, code, meaning]) => [Number(status), code, meaning])
    const table = Object.entries(Problem.catalogue)
    expect(rows).toEqual(table.map(([code, { meaning, status }]) => [status, `\`${code}\``, meaning]))
  })
})
