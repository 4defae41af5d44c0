import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Redacted from "effect/Redacted"
import * as Keys from "../fake/Keys.ts"
import * as Server from "../fake/Server.ts"
import * as InProcess from "./InProcess.ts"

const master = Buffer.alloc(32, 7).toString("base64")
const value = "sk-canary-0123456789"

let folder: string
let server: Server.Running
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "crewline-secrets-"))
  server = await Server.start({
    credentials: { mode: "required" },
    masterKeys: { current: Redacted.make(master) }
  })
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

describe("crewline secrets", { timeout: 120_000 }, () => {
  it.each(["a server", "the database itself"])("stores, lists and removes them, on %s", async (where) => {
    const { key } = await Keys.make(server)
    const env: Record<string, string> =
      where === "a server"
        ? { CREWLINE_URL: server.url, CREWLINE_KEY: key }
        : { CREWLINE_DATA: join(folder, "data"), CREWLINE_MASTER_KEY: master }
    const tenant = where === "a server" ? [] : ["--tenant", "acme"]
    const secrets = (args: ReadonlyArray<string>, input?: string) =>
      InProcess.run(["secrets", ...args, ...tenant], { env, ...(input !== undefined && { input }) })

    expect(await secrets(["list"])).toMatchObject({ code: 0, stdout: "There are no secrets.\n" })
    const stored = await secrets(["set", "stripe", "--description", "Payments"], `${value}\n`)
    expect(stored, stored.stderr).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Stored stripe \(secret_/) })
    const again = await secrets(["set", "stripe", "--json"], `${value}-2`)
    expect(JSON.parse(again.stdout)).toMatchObject({ name: "stripe", version: 2 })
    const listed = await secrets(["list"])
    expect(listed.stdout).toMatch(/^secret_\w+ {2}stripe {2}\S+\n$/)
    const audit = await InProcess.run(["audit", "--json", ...tenant], { env })
    expect(JSON.parse(audit.stdout).items.map(({ operation }: { operation: string }) => operation)).toEqual([
      "secrets.replace",
      "secrets.create"
    ])
    expect(await secrets(["remove", "stripe"])).toMatchObject({ code: 0, stdout: "Removed stripe.\n" })
    expect(await secrets(["remove", "stripe"])).toMatchObject({ code: 1, stderr: expect.stringContaining("stripe") })
    for (const { stderr, stdout } of [stored, again, listed, audit]) expect(stdout + stderr).not.toContain(value)
  })

  it("takes values only from standard input", async () => {
    const env = { CREWLINE_DATA: join(folder, "none"), CREWLINE_MASTER_KEY: master }
    const missing = await InProcess.run(["secrets", "set", "stripe"], { env })
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("standard input") })
    const short = await InProcess.run(["secrets", "set", "stripe"], { env, input: "x" })
    expect(short).toMatchObject({ code: 2, stderr: expect.stringContaining("8 to 16,000") })
    const unnamed = await InProcess.run(["secrets", "set", "a b"], { env, input: value })
    expect(unnamed).toMatchObject({ code: 2, stderr: expect.stringContaining("letters, digits") })
  })
})
