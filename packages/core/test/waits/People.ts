/**
 * People who answer asks and send signals: sometimes late, twice, to an ask that they were not
 * shown, or to one that does not exist.
 */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import type * as Ask from "../../src/Ask.ts"
import type * as Decision from "../../src/Decision.ts"
import type * as Execution from "../../src/Execution.ts"
import { limitsOf, openOf as openAsk } from "../../src/Execution.ts"
import { announce, commit, type Server } from "../protocol/World.ts"
import type { Random } from "../simulation/Random.ts"
import type { Act, World } from "./Leg.ts"

interface Seen {
  readonly id: string
  readonly kind: Ask.Kind
  readonly hash: string
  readonly hasDeadline: boolean
}

export function* person(world: World, name: string, servers: ReadonlyArray<Server>): Act {
  const { log, random } = world
  /** The asks that it has been shown, open or not. */
  const known = new Map<string, Seen>()
  const ignored = new Set<string>()
  for (;;) {
    yield
    if (log.state.status !== "running") continue
    if (random.chance(0.3)) {
      const signal = signalFor(world)
      if (signal !== undefined) yield* send(world, { _tag: "Signal", signal, value: name }, servers)
      continue
    }
    const open = openOf(log.state)
    for (const ask of open) known.set(ask.id, ask)
    const left = open.filter(({ id }) => !ignored.has(id))
    // Occasionally a person answers a closed ask.
    const ask = random.chance(0.03) && known.size > 0 ? random.pick([...known.values()]) : left[0] && random.pick(left)
    if (ask === undefined) continue
    if (ask.hasDeadline && random.chance(0.4)) {
      ignored.add(ask.id)
      continue
    }
    for (let thinking = random.below(40); thinking > 0; thinking--) yield
    const hash = random.chance(0.1) ? `not ${ask.hash}` : ask.hash
    const kind = random.chance(0.03) ? random.pick(["approval", "question", "review"] as const) : ask.kind
    const answer = { ...(kind === "budget" ? more(log.state, ask.id, random) : answerTo(kind, random)), hash }
    yield* send(world, { _tag: "Answer", ask: ask.id, answer, by: { name } }, servers)
  }
}

function* send(
  world: World,
  command: Extract<Decision.Command, { readonly _tag: "Signal" | "Answer" }>,
  servers: ReadonlyArray<Server>
): Act {
  const committed = yield* commit(world, command)
  if (committed._tag === "Committed") {
    yield
    for (const { queue } of servers) announce(queue, committed.drafts)
  }
  if (committed._tag !== "Refused" || command._tag !== "Answer") return
  const { refusal } = committed
  if (refusal === "ask-closed" || refusal === "unknown-ask") world.eye.refusedAnswer(command.ask)
}

const openOf = (state: Execution.Execution): ReadonlyArray<Seen> =>
  [...state.open].flatMap(([id, { dueAt, hash, kind }]) =>
    kind === "timer" ? [] : [{ id, kind, hash, hasDeadline: dueAt !== undefined }]
  )

/** A higher limit, mostly. */
const more = (state: Execution.Execution, id: string, random: Random): Ask.Answer => {
  const scope = openAsk(state, id)?.scope
  const { requests = 1 } = (scope === undefined ? undefined : limitsOf(state, scope)) ?? {}
  return random.chance(0.8)
    ? { answer: "raise", limits: { requests: requests + 1 + random.below(4) } }
    : { answer: "deny", reason: "no" }
}

const answerTo = (kind: Exclude<Ask.Kind, "budget">, random: Random): Ask.Answer => {
  switch (kind) {
    case "approval":
      return random.pick<() => Ask.Answer>([
        () => ({ answer: "approve" }),
        () => ({ answer: "approve", ...(random.chance(0.1) ? { scope: "run" } : {}) }),
        () => ({ answer: "edit", arguments: { amount: 100 + random.below(100) } }),
        () => ({ answer: "deny", reason: "no" })
      ])()
    case "question":
      return random.chance(0.8) ? { answer: "reply", value: "yes" } : { answer: "deny", reason: "no" }
    case "review":
      return random.chance(0.4) ? { answer: "accept" } : { answer: "revise", feedback: "shorter" }
  }
}

/**
 * An awaited signal; sometimes one that is not awaited yet, has already arrived, is not declared,
 * or is an ask.
 */
const signalFor = ({ crew, log: { state }, random }: World): string | undefined => {
  if (random.chance(0.02)) return random.pick(["unknown", "s0", [...HashMap.keys(state.open)][0] ?? "s1"])
  const awaited = [...HashMap.values(state.tasks)].flatMap(({ status, waits }) =>
    status === "suspended" ? waits!.groups.flatMap(({ signals }) => signals.filter((id) => !id.includes("/"))) : []
  )
  const early = random.chance(0.01) ? (crew.plan.tasks[0]!.signals ?? []) : []
  const missing = [...awaited, ...early].filter((signal) => !HashSet.has(state.signals, signal))
  return missing.length === 0 || random.chance(0.8) ? undefined : random.pick(missing)
}
