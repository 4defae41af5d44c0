import { existsSync } from "node:fs"
import { mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { request } from "../fake/Server.ts"
import * as InProcess from "./InProcess.ts"
import * as Process from "./Process.ts"

let folder: string
let crew: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "crewline-inbox-"))
  crew = join(folder, "crew.yaml")
  await writeFile(
    crew,
    `
name: reviewed
agents: { worker: { role: Worker, goal: Work, model: scripted/demo } }
tasks: { only: { description: Say hello., expectedOutput: A word., humanInput: true } }
`
  )
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe("an execution left by crewline run --data", { timeout: 120_000 }, () => {
  it("is answered in the database, then over the server that left its address, where it continues", async () => {
    // A name that must be quoted in a shell.
    const data = join(folder, "ann's data")
    const flag = ` --data '${folder}/ann'\\''s data'`
    const ran = await InProcess.run(["run", crew, "--data", data])
    expect(ran, ran.stderr).toMatchObject({ code: 3, stdout: "" })
    const id = /The execution (\S+) is waiting for people/.exec(ran.stderr)![1]!
    expect(ran.stderr).toContain(`crewline serve${flag}`)

    const open = await InProcess.run(["inbox", "--data", data, "--json", "--execution", id])
    const [ask] = JSON.parse(open.stdout).items
    expect(ask).toMatchObject({ executionId: id, kind: "review", state: "open" })
    expect(ran.stderr).toContain(`crewline answer ${ask.id} accept${flag}\n`)
    expect((await InProcess.run(["inbox", "--data", data])).stdout).toContain(
      `crewline answer ${ask.id} accept${flag}\n`
    )
    const wrong = await InProcess.run(["answer", ask.id, "approve", "--data", data])
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('must be one of "accept", "revise"') })
    const revised = await InProcess.run(["answer", ask.id, "revise", "--feedback", "Shorter", "--data", data])
    expect(revised).toMatchObject({ code: 0, stderr: expect.stringContaining(`(crewline serve${flag})`) })

    const server = Process.start(["serve", "--port", "0", "--data", data])
    const [, url = ""] = await server.said(/^Crewline listens on (http:\/\/127\.0\.0\.1:\d+)$/m)
    const file = join(data, "server.json")
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    // Like a server started separately, which leaves no address.
    await rename(file, `${file}.away`)
    expect(await InProcess.run(["inbox", "--data", data])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("set CREWLINE_URL to its address")
    })
    await rename(`${file}.away`, file)
    let second: { readonly id: string; readonly hash: string } | undefined
    while (second === undefined) {
      const { stdout } = await InProcess.run(["inbox", "--data", data, "--json"])
      second = JSON.parse(stdout).items[0]
    }
    expect(second.id).not.toBe(ask.id)
    const shown = await InProcess.run(["inbox"], { env: { CREWLINE_URL: url } })
    expect(shown.stdout).toContain(`crewline answer ${second.id} accept\n`)
    const other = await InProcess.run(["answer", second.id, "accept", "--hash", "x", "--data", data])
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining("read the ask again") })
    const accepted = await InProcess.run(["answer", second.id, "accept", "--hash", second.hash, "--data", data])
    expect(accepted).toMatchObject({ code: 0, stderr: "" })
    const late = await InProcess.run(["answer", second.id, "accept"], { env: { CREWLINE_URL: url } })
    expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining('answered it with "accept"') })
    for (;;) {
      const { body } = await request(`${url}/api/v1/executions/${id}`)
      if (body.endedAt === undefined) continue
      expect(body.status).toBe("completed")
      break
    }
    server.child.kill("SIGTERM")
    expect(await server.ended).toMatchObject({ code: 0 })
    expect(existsSync(file)).toBe(false)
  })
})
