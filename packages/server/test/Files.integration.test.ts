/** Workers on machines of their own, with a directory each: what one writes, another reads. */
import * as Gates from "@crewline/fake-provider/Gates"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"
import { ended, missing, open, type Site } from "./fake/Site.ts"

if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined)(missing ?? "files of workers", { timeout: 120_000 }, () => {
  let site: Site
  let root: string
  beforeAll(async () => {
    site = await open()
    root = await mkdtemp(join(tmpdir(), "crewline-files-"))
  }, 60_000)
  afterAll(async () => {
    await site.close()
    await rm(root, { recursive: true, force: true })
  }, 60_000)

  it("a file that one worker wrote can be read by another, and downloaded from the server", async () => {
    const { gates } = site
    const directories = ["one", "two", "server"].map((name) => join(root, name))
    const [one, two, ofServer] = directories as [string, string, string]
    const [url, first] = await Promise.all([
      site.serve("--no-worker", "--workspace", ofServer),
      site.work("--workspace", one)
    ])
    const agents = { a: { role: "r", goal: "g", model: "openai/fake" } }
    const task = (description: string, more: object) => ({ description, expectedOutput: "text", agent: "a", ...more })
    const { body } = await Server.request(`${url}/api/v1/executions`, {
      body: {
        crew: {
          name: "files",
          agents,
          tasks: {
            write: task(`Write. ${Gates.to("write")}`, { outputFile: "notes.md" }),
            pause: task(`Wait. ${Gates.to("pause")}`, { dependsOn: ["write"] }),
            // Only the attached file leads to a gate.
            read: task("Read.", { dependsOn: ["pause"], attachments: [{ file: "notes.md" }] })
          }
        }
      }
    })
    ;(await gates.next("write")).answer(`Found it: ${Gates.to("found")}`)
    const pausing = await gates.next("pause")
    first.child.kill("SIGTERM")
    const second = site.work("--workspace", two)
    pausing.answer("on")
    await Promise.all([first.ended, second])
    ;(await gates.next("found")).answer("read")
    expect(await ended(url, body.id)).toMatchObject({ status: "completed" })
    const file = await fetch(`${url}/api/v1/executions/${body.id}/files/notes.md`)
    expect(await file.text()).toBe(`Found it: ${Gates.to("found")}`)
    for (const directory of directories) expect(await readdir(directory).catch(() => [])).toEqual([])
  })
})
