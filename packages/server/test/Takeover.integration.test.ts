/**
 * Servers that die and servers that are only frozen, on one PostgreSQL database, with leases of ten
 * minutes: an execution that continues earlier was taken over without waiting for its lease.
 */
import * as Gates from "@crewline/fake-provider/Gates"
import { spawnSync } from "node:child_process"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as Process from "./Cli/Process.ts"
import * as Client from "./crash/Client.ts"
import * as Patience from "./crash/Patience.ts"
import * as Storage from "./crash/Storage.ts"

const missing = Storage.postgresMissing
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const elsewhere = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
const canBeElsewhere = spawnSync(elsewhere[0]!, [...elsewhere.slice(1), "true"]).status === 0

const patience = 60_000

interface Server extends Process.Running {
  readonly url: string
}

interface Site {
  readonly gates: Gates.Gates
  readonly serve: (through?: ReadonlyArray<string>) => Promise<Server>
  readonly run: (...args: ReadonlyArray<string>) => Promise<Process.Ended>
  readonly close: () => Promise<void>
}

const open = async (): Promise<Site> => {
  const storage = await Storage.postgres()
  const gates = await Gates.start()
  const running: Array<Process.Running> = []
  const env = {
    ...storage.env,
    CREWLINE_LEASE: "10 minutes",
    OPENAI_API_KEY: "sk-test",
    OPENAI_BASE_URL: gates.baseURL
  }
  return {
    gates,
    serve: async (through = []) => {
      const begun = Process.start(["serve", "--port", "0"], { env, through })
      running.push(begun)
      const [, url = ""] = await begun.said(/Crewline listens on (\S+)/)
      return { ...begun, url }
    },
    run: (...args) => Process.run(args, { env }),
    close: async () => {
      for (const { child } of running) {
        child.kill("SIGKILL")
        child.kill("SIGCONT")
      }
      await Promise.all(running.map(({ ended }) => ended))
      await gates.stop()
      await storage.dispose()
    }
  }
}

/** A crew whose only task waits at the gate named after it. */
const crewOf = (task: string) => ({
  name: "takeover",
  agents: { a: { role: "r", goal: "g", model: "openai/fake" } },
  tasks: { [task]: { description: `Do it. ${Gates.to(task)}`, expectedOutput: "text", agent: "a" } }
})

const kill = async ({ child, ended }: Server) => {
  child.kill("SIGKILL")
  await ended
}

/**
 * Starts it on a server and waits until its model is called; returns the id and the name of the
 * worker.
 */
const begin = async ({ gates }: Site, { url }: Server, task: string) => {
  const id = await Client.post(url, crewOf(task), task)
  const call = await gates.next(task)
  const started = (await Client.events(url, id)).find(({ type }) => type === "TaskStarted")
  return { id, call, worker: String(started!["worker"]) }
}

const completed = (url: string, id: string) =>
  Patience.until(patience, `${id} completed`, async () => (await Client.view(url, id)).status === "completed")

/** Another execution completes there: by then the server has looked for free executions. */
const goesOn = async (site: Site, server: Server, task: string) => {
  const { call, id } = await begin(site, server, task)
  call.answer("done")
  await completed(server.url, id)
}

const runsOf = async (url: string, id: string) =>
  (await Client.events(url, id)).filter(({ type }) => type === "TaskStarted").map(({ run }) => run)

describe.skipIf(missing !== undefined)(missing ?? "takeover", { timeout: 3 * patience }, () => {
  let site: Site
  beforeEach(async () => {
    site = await open()
  }, patience)
  afterEach(() => site.close(), patience)

  it("executions of a killed server continue when it is restarted", async () => {
    const first = await site.serve()
    const { id } = await begin(site, first, "only")
    await kill(first)
    const second = await site.serve()
    ;(await site.gates.next("only")).answer("done")
    await completed(second.url, id)
    expect(await runsOf(second.url, id)).toEqual([1, 2])
  })

  it("executions of a frozen server are left alone, unless adopted explicitly", async () => {
    const frozen = await site.serve()
    const { id, worker } = await begin(site, frozen, "held")
    frozen.child.kill("SIGSTOP")
    const second = await site.serve()
    await goesOn(site, second, "other")
    expect(await runsOf(second.url, id)).toEqual([1])

    const refused = await site.run("adopt", worker)
    expect(refused).toMatchObject({ code: 1, stdout: "" })
    expect(refused.stderr).toMatch(
      new RegExp(`^Worker "${worker}" renewed its lease \\d+\\.\\d s ago and may be alive\\. .* add --force;`)
    )
    const unknown = await site.run("adopt", "nobody", "--force")
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining(`the only one is ${worker}`) })
    expect(await site.run("adopt", worker, "--force")).toMatchObject({
      code: 0,
      stdout: `Worker ${worker} was released: 1 execution that it owned is free for others.\n`
    })
    const third = await site.serve()
    ;(await site.gates.next("held")).answer("from the third")
    await completed(third.url, id)
    // The frozen server's own answer has no effect.
    frozen.child.kill("SIGCONT")
    await goesOn(site, frozen, "again")
    const view = await Client.view(frozen.url, id)
    expect(view.tasks["held"]!.output).toBe("from the third")
    expect(await runsOf(frozen.url, id)).toEqual([1, 2])
  })

  it.skipIf(!canBeElsewhere)(
    "executions of a process in another container that may be alive are not taken over",
    async () => {
      const away = await site.serve(elsewhere)
      const { id, worker } = await begin(site, away, "away")
      await kill(away)
      // Its pid, 1, exists here with a different start time, which proves nothing.
      const here = await site.serve()
      await goesOn(site, here, "here")
      expect(await runsOf(here.url, id)).toEqual([1])
      expect(await site.run("adopt", worker, "--force")).toMatchObject({ code: 0 })
      const next = await site.serve()
      ;(await site.gates.next("away")).answer("done")
      await completed(next.url, id)
      expect(await runsOf(next.url, id)).toEqual([1, 2])
    }
  )

  it("adopt reports what it needs", async () => {
    const embedded = await Process.run(["adopt", "web-1"])
    expect(embedded).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("Set DATABASE_URL") })
  })
})
