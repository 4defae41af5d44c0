import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { access, Api } from "../../src/Api.ts"
import * as Access from "../../src/Api/Access.ts"

describe("the scopes of operations", () => {
  it("are declared for each: one without does not compile", () => {
    const { "crews.list": _, ...rest } = access
    // @ts-expect-error the scope of crews.list is missing
    const incomplete: typeof access = rest
    expect(Object.keys(incomplete)).not.toContain("crews.list")
    const operations = Object.values(Api.groups).flatMap((group) =>
      Object.keys(group.endpoints).map((endpoint) => `${group.identifier}.${endpoint}`)
    )
    expect(operations.sort()).toEqual(Object.keys(access).sort())
  })

  it("grow with the role", () => {
    const [viewer, operator, admin] = Access.roles.map(Access.scopesOf)
    expect(operator).toEqual(expect.arrayContaining([...viewer!]))
    expect(admin).toEqual(Access.scopes)
    expect(viewer).not.toContain("executions:run")
    expect(operator).toContain("inbox:answer")
    expect(operator).not.toContain("keys:read")
  })

  it("are what docs/access.md says", () => {
    const cells = Object.values(Api.groups).flatMap((group) =>
      Object.values(group.endpoints).map((endpoint) => {
        const needed = access[`${group.identifier}.${endpoint.identifier}` as keyof typeof access]
        const scope = needed === "public" || needed === "authenticated" ? undefined : needed
        const role =
          scope === undefined ? undefined : Access.roles.find((each) => Access.scopesOf(each).includes(scope))
        const from = needed === "public" ? "nothing" : role === undefined ? "any key" : `\`${role}\``
        return [`\`${endpoint.method} ${endpoint.path}\``, scope === undefined ? "" : `\`${scope}\``, from]
      })
    )
    const rows = [["operation", "scope", "from the role"], ["-", "-", "-"], ...cells]
    const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
    const table = rows.map(
      (row) => `| ${row.map((cell, at) => cell.padEnd(widths[at]!, cell === "-" ? "-" : " ")).join(" | ")} |`
    )
    const docs = readFileSync(join(import.meta.dirname, "../../../../docs/access.md"), "utf8")
    expect(docs).toContain(table.join("\n"))
  })
})
