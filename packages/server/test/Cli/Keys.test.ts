import { mkdtemp, readFile, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { request } from "../fake/Server.ts"
import * as InProcess from "./InProcess.ts"
import * as Process from "./Process.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "crewline-keys-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const keys = (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  InProcess.run(["keys", ...args], { env })

describe("crewline keys", { timeout: 180_000 }, () => {
  it("creates the first key before any server runs, and further keys on the running server", async () => {
    const data = join(folder, "data")
    const create = (...args: ReadonlyArray<string>) =>
      keys(["create", "--name", "ci", "--role", "operator", "--json", "--data", data, ...args])
    const first = await create("--tenant", "acme", "--scopes", "crews:read,executions:run", "--expires", "90d")
    expect(first, first.stderr).toMatchObject({ code: 0 })
    const made = JSON.parse(first.stdout)
    expect(Object.keys(made)).toEqual(["id", "key", "prefix", "tenant", "role"])
    expect(made).toMatchObject({ tenant: "acme", role: "operator", key: expect.stringContaining(made.prefix) })

    const server = Process.start(["serve", "--port", "0", "--data", data])
    const [, url = ""] = await server.said(/^Crewline listens on (http:\/\/127\.0\.0\.1:\d+)$/m)
    const file = join(data, "server.json")
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const me = async (key: string) =>
      (await request(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${key}` } })).body
    expect(await me(made.key)).toMatchObject({ tenant: "acme", scopes: ["crews:read", "executions:run"] })
    expect((await request(`${url}/api/v1/me`)).status).toBe(401)
    expect(await me(JSON.parse(await readFile(file, "utf8")).credential)).toMatchObject({
      tenant: "default",
      credential: "local"
    })

    // Over the server, with the credential that it left. Only the key goes to stdout.
    const second = await keys(["create", "--name", "ops", "--role", "admin", "--tenant", "acme", "--data", data])
    expect(second, second.stderr).toMatchObject({ code: 0, stderr: expect.stringContaining("shown only once") })
    const key = second.stdout.trim()
    expect(await me(key)).toMatchObject({ tenant: "acme", role: "admin", name: "ops" })

    // Over the server, with a key: limited to the tenant of that key.
    const env = { CREWLINE_URL: url, CREWLINE_KEY: key }
    const listed = JSON.parse((await keys(["list", "--json"], env)).stdout)
    expect(listed.items.map(({ name }: { name: string }) => name)).toEqual(["ops", "ci"])
    expect((await keys(["list"], env)).stdout).toContain(`${made.id}  ${made.prefix}…  active  operator  ci`)
    const foreign = await keys(["create", "--name", "x", "--role", "viewer", "--tenant", "globex"], env)
    expect(foreign).toMatchObject({ code: 2, stderr: expect.stringContaining('the tenant "globex"') })

    const rotated = JSON.parse((await keys(["rotate", made.id, "--overlap", "1d", "--json"], env)).stdout)
    expect(await me(rotated.key)).toMatchObject({ name: "ci", scopes: ["crews:read", "executions:run"] })
    const revoked = await keys(["revoke", made.id, "--data", data, "--tenant", "acme"])
    expect(revoked).toMatchObject({ code: 0, stdout: `Revoked ${made.id}.\n` })
    expect(await me(made.key)).toMatchObject({ status: 401 })
    const unknown = await keys(["revoke", made.id, "--data", data, "--tenant", "globex"])
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining(made.id) })
    const inbox = await InProcess.run(["inbox", "--data", data])
    expect(inbox).toMatchObject({ code: 0, stdout: "There are no open asks.\n" })

    server.child.kill("SIGTERM")
    const { code, stderr } = await server.ended
    expect(code).toBe(0)
    for (const secret of [made.key, key, rotated.key]) expect(stderr).not.toContain(secret)
    // Without a server, directly in the database.
    const after = await keys(["list", "--json", "--data", data, "--tenant", "acme"])
    expect(JSON.parse(after.stdout).items.map(({ status }: { status: string }) => status)).toEqual([
      "active",
      "active",
      "revoked"
    ])
    const audit = (...args: ReadonlyArray<string>) =>
      InProcess.run(["audit", "--data", data, "--tenant", "acme", ...args])
    const { items } = JSON.parse((await audit("--json", "--resource", made.id)).stdout)
    expect(items).toMatchObject([
      { operation: "keys.revoke", status: 204, address: expect.any(String) },
      { operation: "keys.rotate", actor: "ops", details: { made: rotated.id } },
      { operation: "keys.create", credential: "local", details: { name: "ci", role: "operator" } }
    ])
    // Created directly in the database.
    expect(items[2]).not.toHaveProperty("address")
    expect((await audit("--operation", "keys.rotate")).stdout).toMatch(
      new RegExp(`ops {2}keys\\.rotate {2}${made.id} {2}201 {2}from \\S+ {2}made: ${rotated.id}`)
    )
    expect((await audit("--refused", "--actor", "nobody")).stdout).toBe("No matching entries.\n")
  })

  it.each([
    [["create", "--name", "x", "--role", "viewer", "--scopes", "crews:write"], /viewer does not have crews:write/],
    [["create", "--name", "x", "--role", "viewer", "--scopes", "everything"], /--scopes: .*crews:read/],
    [["create", "--name", "x", "--role", "viewer", "--expires", "soon"], /--expires: .*90d/],
    [["create", "--name", "x", "--role", "viewer", "--tenant", "No Good"], /--tenant: .*lower-case/],
    [["rotate", "x", "--overlap", "never"], /--overlap: .*90d/]
  ])("refuses %j", async (args, message) => {
    const ended = await keys([...args, "--data", join(folder, "none")])
    expect(ended.code).toBe(2)
    expect(ended.stderr).toMatch(message)
  })

  it("explains what to do if a server would be open to the network", async () => {
    const refused = await Process.run(["serve", "--port", "0", "--data", join(folder, "empty")], {
      env: { HOST: "0.0.0.0" }
    })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/crewline keys create --tenant default .*CREWLINE_AUTH=none/)
    const invalid = await Process.run(["serve", "--port", "0"], { env: { CREWLINE_AUTH: "maybe" } })
    expect(invalid).toMatchObject({ code: 2, stderr: expect.stringContaining("CREWLINE_AUTH") })
  })
})
