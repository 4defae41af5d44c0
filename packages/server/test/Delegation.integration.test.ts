/**
 * A manager across processes: it delegates five parts at once to two workers, one of which is
 * killed while it waits; one part fails and is reassigned to another agent. Recorded answers of
 * models are not requested again.
 */
import * as Gates from "@crewline/fake-provider/Gates"
import { afterEach, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"
import { ended, eventually, get, missing, open, type Site } from "./fake/Site.ts"

if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const names = ["one", "two", "three", "four", "five"] as const
type Name = (typeof names)[number]

const agent = (role: string) => ({ role, goal: "Work", model: "openai/fake" })
const crew = {
  name: "delegation",
  process: "hierarchical",
  manager: { agent: "boss" },
  agents: { ...Object.fromEntries(names.map((name) => [name, agent(name)])), boss: agent("Boss") },
  tasks: {
    report: { description: `A report in five parts. ${Gates.to("boss")}`, expectedOutput: "Five parts." }
  }
}
const delegate = (coworker: Name, gate: string) =>
  ["delegate_work", { task: `Your part. ${Gates.to(gate)}`, context: "", coworker }] as const

/** The work of the task, which the manager delegates. */
const work = "report/assign/work"

interface Event {
  readonly type: string
  readonly taskId?: string
  readonly worker?: string
}

const eventsOf = async (url: string, id: string): Promise<ReadonlyArray<Event>> =>
  (await get(url, `executions/${id}/events?limit=1000`)).items

describe.skipIf(missing !== undefined).each(["redis", "bullmq"])("over %s", { timeout: 120_000 }, (queue) => {
  let site: Site
  afterEach(() => site.close(), 60_000)

  it("a manager resumes its wait when its process is killed, and repeats no request to a model", async () => {
    site = await open({ CREWLINE_QUEUE: queue })
    const { gates } = site
    const [url, ...workers] = await Promise.all([
      site.serve("--no-worker"),
      site.work("--concurrency", "3"),
      site.work("--concurrency", "3")
    ])
    const started = await Server.request(`${url}/api/v1/executions`, { body: { crew } })
    expect(started.status).toBe(202)
    const { id } = started.body
    const startsOf = async (isOf: (event: Event) => boolean) =>
      (await eventsOf(url, id)).filter((event) => event.type === "TaskStarted" && isOf(event))

    ;(await gates.next("boss")).answer('{"agent":"delegate","reason":"Five parts."}')
    ;(await gates.next("boss")).calls(names.map((name) => delegate(name, name)))
    // All at once, before any is answered.
    const parts = new Map(await Promise.all(names.map(async (name) => [name, await gates.next(name)] as const)))
    expect(
      new Set((await startsOf(({ taskId }) => taskId?.startsWith(`${work}/`) === true)).map(({ worker }) => worker))
        .size
    ).toBe(2)
    expect((await get(url, `executions/${id}`)).tasks[work]).toMatchObject({ status: "waiting" })
    parts.get("one")!.answer("one")
    await eventually(
      () => eventsOf(url, id),
      (events) => events.some(({ taskId, type }) => type === "TaskCompleted" && taskId === `${work}/1.1.0.work`)
    )

    const [{ worker } = { worker: "" }] = await startsOf(({ taskId }) => taskId === work)
    const manager = workers.find(({ name }) => name === worker)!
    manager.child.kill("SIGKILL")
    await manager.ended
    await site.work("--concurrency", "3")
    // The requests in flight are repeated; their answers were not recorded.
    const lost = await startsOf((event) => event.worker === worker && event.taskId?.startsWith(`${work}/`) === true)
    for (const { taskId } of lost) {
      const name = names[Number(taskId!.at(-"0.work".length))]!
      if (name !== "one") parts.set(name, await gates.next(name))
    }
    for (const [name, part] of parts)
      if (name === "three") part.fail(400)
      else if (name !== "one") part.answer(name)
    ;(await gates.next("boss")).calls([delegate("four", "again")])
    ;(await gates.next("again")).answer("three, by four")
    ;(await gates.next("boss")).answer("one, two, three, four, five")

    expect(await ended(url, id)).toMatchObject({ status: "completed", output: "one, two, three, four, five" })
    const { tasks } = await get(url, `executions/${id}`)
    expect(tasks).toMatchObject({
      [`${work}/1.1.2.work`]: { agent: "three", status: "failed", error: { code: "model-invalid-request" } },
      [`${work}/2.2.0.work`]: { agent: "four", output: "three, by four" }
    })
    expect(["boss", "one", "again"].map((gate) => gates.count(gate))).toEqual([4, 1, 1])
    const again = lost.map(({ taskId }) => names[Number(taskId!.at(-"0.work".length))]!)
    for (const name of names) expect(gates.count(name)).toBe(again.includes(name) && name !== "one" ? 2 : 1)
  })
})
