/**
 * An execution as its hash begins, worked out from its facts: what the scripts would have made of
 * them, one after the other.
 */
import { depthsOf } from "@crewline/core/QueueFacts"
import { areSatisfied, defaultLane, type Facts, type Node, type Waits } from "@crewline/core/TaskQueue"
import * as Lua from "./Lua.ts"
import { encode, listSeparator, separator } from "./Names.ts"

export interface Staged {
  /** Names and values of the fields, by turns. */
  readonly fields: ReadonlyArray<string>
  /** What becomes ready, or gets a timer, in this order; `rank`: lane and depth. */
  readonly turns: ReadonlyArray<
    | readonly ["ready", ids: ReadonlyArray<string>, ranks: ReadonlyArray<string>]
    | readonly ["timer", kind: string, id: string, millis: number, rank: string]
  >
  readonly tier: string
}

interface Task {
  readonly id: string
  /** Its lane and its depth. */
  readonly rank: string
  readonly dependents: Array<string>
  /** Who waits for it. */
  readonly waiters: Array<string>
  remaining: number
  state: "waiting" | "ready" | "delayed" | "suspended" | "settled"
}

const tiers = { high: "0", normal: "1", low: "2" }

const depthDigits = Lua.PLACE_AT - Lua.DEPTH_AT
const deepest = 10 ** depthDigits - 1

/**
 * Nodes as the scripts take them: id, lane, depth (the deeper the smaller the number, so that it
 * comes first), dependencies.
 */
export const nodesOf = (nodes: ReadonlyArray<Node>): ReadonlyArray<[string, string, string, ReadonlyArray<string>]> => {
  const depths = depthsOf(nodes)
  return nodes.map(({ dependencies, id, lane }, at) => [
    encode(id),
    encode(lane ?? defaultLane),
    String(Math.max(deepest - depths[at]!, 0)).padStart(depthDigits, "0"),
    dependencies.length < 2 ? dependencies.map(encode) : Array.from(new Set(dependencies), encode)
  ])
}

/** An execution while its hash is worked out. Names are encoded. */
interface Draft {
  readonly tasks: ReadonlyMap<string, Task>
  readonly signals: ReadonlySet<string>
  readonly settled: ReadonlySet<string>
  readonly turns: ReturnType<typeof turnsOf>
  readonly fields: Array<string>
}

export const stage = (facts: Facts): Staged => {
  const { expected, tasks } = graphOf(nodesOf(facts.nodes))
  const draft: Draft = {
    tasks,
    signals: new Set(facts.signals.map(encode)),
    settled: new Set(facts.settled.map(encode).filter((id) => tasks.has(id))),
    turns: turnsOf(),
    fields: []
  }
  const { fields, settled, signals, turns } = draft
  const waits = waitsOf(facts, draft)

  for (const wait of waits) {
    if (isOver(wait, { signals, settled: new Set() })) turns.ready(wait.task)
    else wait.task.state = "suspended"
  }
  for (const { id, millis } of facts.delayed) {
    const task = tasks.get(encode(id))
    if (task === undefined || task.state !== "waiting" || millis <= 0 || settled.has(task.id)) continue
    task.state = "delayed"
    turns.timer("d", task, millis)
  }
  for (const id of settled) {
    const task = tasks.get(id)!
    task.state = "settled"
    for (const dependent of task.dependents) {
      const other = tasks.get(dependent)!
      if (--other.remaining === 0 && other.state === "waiting" && !settled.has(dependent)) turns.ready(other)
    }
  }
  stageWaits(waits, draft)
  for (const task of tasks.values()) {
    if (task.state === "waiting" && task.remaining === 0) turns.ready(task)
    stageTask(task, fields)
  }
  for (const [id, dependents] of expected) fields.push(`d${id}`, dependents.join(separator))
  for (const signal of signals) fields.push(`a${signal}`, "1")
  const tier = tiers[facts.priority ?? "normal"]
  fields.push("T", encode(facts.tenant), "P", tier, "U", String(facts.upTo), "S", String(facts.upTo))
  if (waits.length > 0) fields.push("V", "1")
  fields.push("N", String(tasks.size), "X", String(settled.size), "H", "0", "K", "0")
  return { fields, turns: turns.list, tier }
}

/**
 * The tasks, each of which knows its dependents, and the dependents of tasks that may come later.
 */
const graphOf = (nodes: ReturnType<typeof nodesOf>) => {
  const tasks = new Map<string, Task>()
  for (const [id, lane, depth] of nodes) {
    if (tasks.has(id)) continue
    tasks.set(id, { id, rank: lane + separator + depth, dependents: [], waiters: [], remaining: 0, state: "waiting" })
  }
  const expected = new Map<string, Array<string>>()
  const counted = new Set<string>()
  for (const [id, , , dependencies] of nodes) {
    if (counted.has(id)) continue
    counted.add(id)
    for (const dependency of dependencies) {
      tasks.get(id)!.remaining++
      const dependents = tasks.get(dependency)?.dependents ?? expected.get(dependency)
      if (dependents !== undefined) dependents.push(id)
      else expected.set(dependency, [id])
    }
  }
  return { tasks, expected }
}

/** Collects what becomes ready or gets a timer, in order. */
const turnsOf = () => {
  const list: Array<Staged["turns"][number]> = []
  let last: { readonly ids: Array<string>; readonly ranks: Array<string> } | undefined
  return {
    list,
    ready: (task: Task) => {
      task.state = "ready"
      if (last === undefined) {
        last = { ids: [], ranks: [] }
        list.push(["ready", last.ids, last.ranks])
      }
      last.ids.push(task.id)
      last.ranks.push(task.rank)
    },
    timer: (kind: string, task: Task, millis: number) => {
      last = undefined
      list.push(["timer", kind, task.id, millis, task.rank])
    }
  }
}

interface Wait {
  readonly task: Task
  readonly run: number
  /** What is left of its time. */
  readonly millis: number | undefined
  readonly waits: Waits
}

/** The waits of tasks that are not settled. */
const waitsOf = (facts: Facts, { settled, tasks }: Draft): ReadonlyArray<Wait> =>
  facts.suspended.flatMap(({ id, remainingMillis, run, waits }) => {
    const task = tasks.get(encode(id))
    if (task === undefined || settled.has(task.id)) return []
    const encoded = { ...waits, tasks: waits.tasks.map(encode), signals: waits.signals.map(encode) }
    return { task, run, millis: remainingMillis, waits: encoded }
  })

const isOver = ({ waits }: Wait, { settled, signals }: Pick<Draft, "settled" | "signals">): boolean =>
  areSatisfied(waits, { isSettled: (id) => settled.has(id), hasArrived: (signal) => signals.has(signal) })

/**
 * Waits that are over make their task ready. Of the others, appends the fields of the tasks that
 * wait and of what they wait for.
 */
const stageWaits = (waits: ReadonlyArray<Wait>, draft: Draft): void => {
  const { fields, settled, signals, tasks, turns } = draft
  const waitersOf = new Map<string, Array<string>>()
  const append = (field: string, entry: string) => waitersOf.set(field, [...(waitersOf.get(field) ?? []), entry])
  let epoch = 0
  for (const wait of waits) {
    const { millis, run, task } = wait
    if (task.state !== "suspended") continue
    if (isOver(wait, draft)) {
      turns.ready(task)
      continue
    }
    // Smaller than any number that the scripts give, and in the order of the facts.
    const entry = `${++epoch}${separator}${task.id}`
    const awaited = wait.waits.tasks.filter((id) => !settled.has(id))
    const expected = wait.waits.signals.filter((signal) => !signals.has(signal))
    for (const id of awaited) {
      const known = tasks.get(id)?.waiters
      if (known !== undefined) known.push(entry)
      else append(`v${id}`, entry)
    }
    for (const signal of expected) append(`g${signal}`, entry)
    // A wait for nothing but time has nothing that could come.
    const left = wait.waits.mode === "any" ? 1 : Math.max(awaited.length + expected.length, 1)
    fields.push(`s${task.id}`, "u", `w${task.id}`, `${epoch}${separator}`, `c${task.id}`, String(left))
    if (millis !== undefined) turns.timer(String(run), task, millis)
  }
  for (const [field, waiters] of waitersOf) fields.push(field, waiters.join(listSeparator))
}

/** Appends the fields of a task. */
const stageTask = (task: Task, fields: Array<string>): void => {
  fields.push(`r${task.id}`, task.remaining + separator + task.rank)
  if (task.state === "settled") {
    fields.push(`s${task.id}`, "x", `d${task.id}`, separator)
    return
  }
  fields.push(`d${task.id}`, separator + task.dependents.join(separator))
  if (task.waiters.length > 0) fields.push(`v${task.id}`, task.waiters.join(listSeparator))
}
