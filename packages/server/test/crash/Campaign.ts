/**
 * Kills a server repeatedly while it runs executions, restarts it, and compares the log and the
 * provider's records with the guarantees at the end. Only the server resumes executions.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import * as Client from "./Client.ts"
import * as Crew from "./Crew.ts"
import * as Follower from "./Follower.ts"
import * as History from "./History.ts"
import * as Moment from "./Moment.ts"
import * as Patience from "./Patience.ts"
import { type Asked, type Process as Provider, turnKey } from "@crewline/fake-provider/Process"
import * as ServerProcess from "./ServerProcess.ts"
import type { Storage } from "./Storage.ts"

export interface Options {
  readonly storage: Storage
  readonly provider: Provider
  readonly kills: number
  readonly seed: number
  readonly log?: (line: string) => void
}

export interface Report {
  readonly kills: number
  readonly executions: number
  /** The number of kills of each kind. */
  readonly moments: Readonly<Record<string, number>>
  /** The number of answers recorded before a kill and compared with later requests. */
  readonly answersHeld: number
  readonly problems: ReadonlyArray<string>
}

/** Below the five runs in a row without progress after which a task is given up. */
const killsOfOneRound = 4
const executionsOfOneRound = 2
/**
 * The time limit of an execution after the last start of its server; alone it needs about a second.
 */
const patienceMillis = 30_000

interface Snapshot {
  /** By the clock of the log: everything that dead servers recorded is at most this old. */
  readonly at: number
  readonly asked: Asked
}

interface Tracked {
  readonly tag: string
  readonly id: string
  readonly follower: Follower.Follower
}

/** Violations found in a finished execution. */
const inspect = async (
  url: string,
  { follower, id, tag }: Tracked,
  options: { readonly storage: Storage; readonly snapshots: ReadonlyArray<Snapshot>; readonly asked: Asked }
): Promise<{ readonly held: number; readonly problems: ReadonlyArray<string> }> => {
  const found: Array<string> = []
  const events = await Client.events(url, id)
  const { status, tasks, error, usage } = await Client.view(url, id)
  if (status !== "completed") found.push(`it ${status}: ${JSON.stringify(error)}`)
  for (const [task, expected] of Object.entries(Crew.expectedStatus)) {
    if (tasks[task]?.status !== expected) found.push(`task ${task} is ${tasks[task]?.status}`)
  }
  found.push(...History.problems(events))
  if (!isDeepStrictEqual(follower.events, events)) {
    found.push(`its follower saw ${follower.events.map(({ seq }) => seq).join(" ")} of ${events.length} events`)
  }

  // No recorded answer is requested again.
  const answers = History.answers(events)
  const judgements = events.filter(({ type }) => type === "GuardrailJudged")
  const judged = [...options.asked.keys()].find((key) => key.startsWith(turnKey(2, `The task was:\n${tag}: review.`)))
  if (judged === undefined) found.push("nobody judged the review")
  const recorded = [...answers, ...judgements.map((event) => ({ event, key: judged ?? "" }))]
  let held = 0
  for (const { event, key } of recorded) {
    const asked = options.asked.get(key) ?? 0
    const what = `turn ${event.turn} of ${event.taskId}`
    if (asked === 0) found.push(`${what} is recorded but was never asked: ${key}`)
    const snapshot = options.snapshots.find(({ at }) => at >= Date.parse(event.at))
    if (snapshot === undefined) continue
    held++
    const before = snapshot.asked.get(key) ?? 0
    if (asked !== before)
      found.push(`${what} was recorded by event ${event.seq}, and asked ${asked - before} times after`)
  }
  // And an unrecorded answer at most once by each process.
  const moments = [...options.snapshots.map(({ asked }) => asked), options.asked]
  for (const key of options.asked.keys()) {
    if (!key.includes(tag)) continue
    const allowed = key.includes("[[fail:503:1]]") ? 2 : 1
    moments.forEach((asked, index) => {
      const times = (asked.get(key) ?? 0) - (moments[index - 1]?.get(key) ?? 0)
      if (times > allowed) found.push(`one process asked ${times} times: ${key}`)
    })
  }
  if (usage.requests !== recorded.length)
    found.push(`it counts ${usage.requests} requests, ${recorded.length} are recorded`)

  const stored = await fetch(`${url}/api/v1/executions/${id}/files/${tag}.md`)
  const file = stored.ok ? await stored.text() : "(no file)"
  if (file.trim() !== String(tasks.draft?.output).trim()) found.push(`its output file holds ${file}`)
  return { held, problems: found.map((problem) => `${tag} ${id}: ${problem}`) }
}

export const run = async ({ kills: wanted, log, provider, seed, storage }: Options): Promise<Report> => {
  const random = Moment.seeded(seed)
  const port = await ServerProcess.freePort()
  const env = { ...storage.env, OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: provider.baseURL }
  const snapshots: Array<Snapshot> = []
  const moments: Record<string, number> = {}
  const found: Array<string> = []
  const ids = new Set<string>()
  let kills = 0
  let answersHeld = 0
  await writeFile(join(storage.workspace, Crew.fileName), Crew.fileText)

  let server = ServerProcess.start({ port, env })
  await server.ready
  let startMillis = 1_000

  const kill = async (moment: Moment.Moment) => {
    server.signal("SIGKILL")
    const { signal } = await server.ended
    if (signal !== "SIGKILL") found.push(`the server had ended by itself:\n${server.output()}`)
    snapshots.push({ at: await storage.settled(), asked: await provider.askedByTheDead() })
    if (/defect|unhandled|TypeError/i.test(server.output())) found.push(server.output())
    kills++
    const text = Moment.toText(moment)
    moments[text] = (moments[text] ?? 0) + 1
    server = ServerProcess.start({ port, env })
  }

  for (let round = 1; kills < wanted; round++) {
    const tags = Array.from({ length: executionsOfOneRound }, (_, index) => `r${seed}-${round}-${index}-end`)
    const executions: Array<Tracked> = []
    const followers: Array<Follower.Follower> = []
    const posted = Promise.all(
      tags.map(async (tag) => {
        const id = await Client.post(server.url, Crew.make(tag), tag)
        const follower = Follower.follow(server.url, id)
        followers.push(follower)
        executions.push({ tag, id, follower })
      })
    )
    posted.catch(() => undefined)
    const finished = posted.then(() => Promise.all(followers.map(({ done }) => done)))
    for (let index = 0; index < killsOfOneRound && kills < wanted; index++) {
      const moment = Moment.draw(random, index === 0)
      if (moment.kind !== "posting" && moment.kind !== "starting") {
        startMillis = await server.ready
        log?.(`ready after ${startMillis.toFixed(0)} ms`)
        await posted
      }
      await Patience.within(
        patienceMillis,
        () => `${JSON.stringify(moment)}\n${server.output()}`,
        Promise.race([Moment.wait(moment, followers, startMillis), finished])
      )
      if (executions.length === tags.length && followers.every((follower) => follower.hasEnded())) break
      await kill(moment)
    }
    await server.ready
    const standing = () => executions.map(({ follower, id }) => `${id} at ${follower.events.length}`).join(", ")
    await Patience.within(patienceMillis, () => `${standing()} do not end\n${server.output()}`, finished)

    const asked = await provider.asked()
    for (const execution of executions) {
      ids.add(execution.id)
      const { held, problems } = await inspect(server.url, execution, { storage, snapshots, asked })
      answersHeld += held
      found.push(...problems)
    }
    log?.(`round ${round}: ${kills} kills, ${standing()}`)
  }

  const strangers = (await Client.executions(server.url)).filter((id) => !ids.has(id))
  if (strangers.length > 0) found.push(`executions that nobody was answered with: ${strangers.join(", ")}`)
  server.signal("SIGTERM")
  const { code } = await Patience.within(10_000, () => `no end after SIGTERM\n${server.output()}`, server.ended)
  if (code !== 0) found.push(`the server ended with ${code} after SIGTERM:\n${server.output()}`)
  return { kills, executions: ids.size, moments, answersHeld, problems: found }
}
