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
})
