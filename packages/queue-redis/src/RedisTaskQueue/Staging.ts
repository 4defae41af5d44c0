/** An execution as its hash begins, worked out from its facts: what the scripts would have made of them, one after the other. */
import { depthsOf } from "@crewline/core/QueueFacts"
import { defaultLane, type Facts, type Node } from "@crewline/core/TaskQueue"
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

/** Nodes as the scripts take them: id, lane, depth (the deeper the smaller the number, so that it comes first), dependencies. */
export const nodesOf = (nodes: ReadonlyArray<Node>): ReadonlyArray<[string, string, string, ReadonlyArray<string>]> => {
  const depths = depthsOf(nodes)
  return nodes.map(({ dependencies, id, lane }, at) => [
    encode(id),
    encode(lane ?? defaultLane),
    String(Math.max(deepest - depths[at]!, 0)).padStart(depthDigits, "0"),
    dependencies.length < 2 ? dependencies.map(encode) : Array.from(new Set(dependencies), encode)
  ])
}

export const stage = (facts: Facts): Staged => {
  const tasks = new Map<string, Task>()
  const fields: Array<string> = []
  const turns: Array<Staged["turns"][number]> = []
  const nodes = nodesOf(facts.nodes)
  for (const [id, lane, depth] of nodes) {
    if (tasks.has(id)) continue
    tasks.set(id, { id, rank: lane + separator + depth, dependents: [], waiters: [], remaining: 0, state: "waiting" })
  }
  /** Dependents of tasks that may come later. */
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
  const signals = new Set(facts.signals.map(encode))
  const makeReady = (task: Task) => {
    task.state = "ready"
    const last = turns.at(-1)
    if (last?.[0] === "ready") {
      ;(last[1] as Array<string>).push(task.id)
      ;(last[2] as Array<string>).push(task.rank)
    } else {
      turns.push(["ready", [task.id], [task.rank]])
    }
  }

  const settled = new Set(facts.settled.map(encode).filter((id) => tasks.has(id)))
  const waits = facts.suspended.flatMap(({ id, remainingMillis, run, waits }) => {
    const task = tasks.get(encode(id))
    if (task === undefined || settled.has(task.id)) return []
    return {
      task,
      run,
      millis: remainingMillis,
      mode: waits.mode,
      tasks: waits.tasks.map(encode),
      signals: waits.signals.map(encode),
      timed: waits.timeoutMillis !== undefined
    }
  })
  const missing = (wait: (typeof waits)[number], isSettled: (id: string) => boolean) => {
    const total = wait.tasks.length + wait.signals.length
    const left = [
      ...wait.tasks.filter((id) => !isSettled(id)),
      ...wait.signals.filter((signal) => !signals.has(signal))
    ].length
    if (total === 0) return wait.timed ? 1 : 0
    return wait.mode === "any" && left < total ? 0 : left
  }
  for (const wait of waits) {
    if (missing(wait, () => false) === 0) makeReady(wait.task)
    else wait.task.state = "suspended"
  }
  for (const { id, millis } of facts.delayed) {
    const task = tasks.get(encode(id))
    if (task === undefined || task.state !== "waiting" || millis <= 0 || settled.has(task.id)) continue
    task.state = "delayed"
    turns.push(["timer", "d", task.id, millis, task.rank])
  }
  for (const id of settled) {
    const task = tasks.get(id)!
    task.state = "settled"
    for (const dependent of task.dependents) {
      const other = tasks.get(dependent)!
      if (--other.remaining === 0 && other.state === "waiting" && !settled.has(dependent)) makeReady(other)
    }
  }
  const isSettled = (id: string) => settled.has(id)
  const signalWaiters = new Map<string, Array<string>>()
  const unknownWaiters = new Map<string, Array<string>>()
  let epoch = 0
  for (const wait of waits) {
    if (wait.task.state !== "suspended") continue
    const left = missing(wait, isSettled)
    if (left === 0) {
      makeReady(wait.task)
      continue
    }
    // Smaller than any number that the scripts give, and in the order of the facts.
    const entry = `${++epoch}${separator}${wait.task.id}`
    for (const id of wait.tasks) {
      if (isSettled(id)) continue
      const known = tasks.get(id)?.waiters
      if (known !== undefined) known.push(entry)
      else unknownWaiters.set(id, [...(unknownWaiters.get(id) ?? []), entry])
    }
    for (const signal of wait.signals) {
      if (!signals.has(signal)) signalWaiters.set(signal, [...(signalWaiters.get(signal) ?? []), entry])
    }
    const count = wait.mode === "any" || wait.tasks.length + wait.signals.length === 0 ? 1 : left
    fields.push(`s${wait.task.id}`, "u", `w${wait.task.id}`, `${epoch}${separator}`, `c${wait.task.id}`, String(count))
    if (wait.millis !== undefined) turns.push(["timer", String(wait.run), wait.task.id, wait.millis, wait.task.rank])
  }
  for (const task of tasks.values()) {
    if (task.state === "waiting" && task.remaining === 0) makeReady(task)
    fields.push(`r${task.id}`, task.remaining + separator + task.rank)
    if (task.state === "settled") {
      fields.push(`s${task.id}`, "x", `d${task.id}`, separator)
      continue
    }
    fields.push(`d${task.id}`, separator + task.dependents.join(separator))
    if (task.waiters.length > 0) fields.push(`v${task.id}`, task.waiters.join(listSeparator))
  }
  for (const [id, dependents] of expected) fields.push(`d${id}`, dependents.join(separator))
  for (const [id, waiters] of unknownWaiters) fields.push(`v${id}`, waiters.join(listSeparator))
  for (const [signal, waiters] of signalWaiters) fields.push(`g${signal}`, waiters.join(listSeparator))
  for (const signal of signals) fields.push(`a${signal}`, "1")
  const tier = tiers[facts.priority ?? "normal"]
  fields.push("T", encode(facts.tenant), "P", tier, "U", String(facts.upTo), "S", String(facts.upTo))
  if (waits.length > 0) fields.push("V", "1")
  fields.push("N", String(tasks.size), "X", String(settled.size), "H", "0", "K", "0")
  return { fields, turns, tier }
}
