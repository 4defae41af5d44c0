/**
 * Who acts on a modelled execution from outside: people who answer, one who cancels, one who
 * pauses.
 */
import * as HashMap from "effect/HashMap"
import type * as Execution from "../../src/Execution.ts"
import { announce, commit, type Act, type Server, type Stage, type World } from "./World.ts"

/** Answers what suspended tasks wait for; occasionally does not, when the wait has a time limit. */
export function* person(world: World, name: string, servers: ReadonlyArray<Server>): Act {
  const { log, random } = world
  const ignored = new Set<string>()
  for (let answers = 0; ; answers++) {
    yield
    const asked = unanswered(log.state).filter((signal) => !ignored.has(signal.id))
    if (asked.length === 0) continue
    const signal = random.pick(asked)
    if (!signal.forever && random.chance(0.5)) {
      ignored.add(signal.id)
      continue
    }
    // An answer may arrive after its wait has ended.
    for (let thinking = signal.forever ? 0 : random.below(60); thinking > 0; thinking--) yield
    const answer = { answer: "reply", value: `${name} ${answers}` } as const
    const sent = { _tag: "Answer", ask: signal.id, answer, by: { name } } as const
    if (!world.rules.logFirst) for (const { queue } of servers) queue.tell({ signals: [signal.id] })
    const committed = yield* commit(world, sent)
    yield
    // A second answer has no effect, but any actor may report that the ask is answered.
    if (committed._tag === "Committed" || (committed._tag === "Refused" && committed.refusal === "ask-closed"))
      for (const { queue } of servers) queue.tell({ signals: [signal.id] })
  }
}

const unanswered = (state: Execution.Execution): ReadonlyArray<{ readonly id: string; readonly forever: boolean }> => {
  if (state.status !== "running") return []
  const asked: Array<{ readonly id: string; readonly forever: boolean }> = []
  for (const { status, waits } of HashMap.values(state.tasks)) {
    if (status !== "suspended") continue
    for (const { signals } of waits!.groups)
      for (const id of signals)
        if (HashMap.has(state.open, id)) asked.push({ id, forever: waits!.timeoutMillis === undefined })
  }
  return asked
}

/** Cancels the execution or lets it time out, once. */
export function* canceller(world: Stage, servers: ReadonlyArray<Server>): Act {
  for (let left = 50 + world.random.below(400); left > 0; left--) yield
  const command = world.random.chance(0.5) ? ({ _tag: "Cancel" } as const) : ({ _tag: "Timeout", millis: 100 } as const)
  for (;;) {
    const committed = yield* commit(world, command)
    if (committed._tag === "Unavailable") continue
    yield
    // Its server may die before the queue is notified.
    const dies = world.log.chaos && world.scenario.sweepsQuiet && world.random.chance(0.5)
    if (committed._tag === "Committed" && !dies) for (const { queue } of servers) announce(queue, committed.drafts)
    return
  }
}

/** Pauses and resumes; at the end of the chaos the execution is resumed. */
export function* pauser(world: Stage, servers: ReadonlyArray<Server>): Act {
  const { log, random, scenario } = world
  for (;;) {
    yield
    const pause = log.chaos && random.chance(scenario.pause)
    if (!pause && !(log.state.paused && (!log.chaos || random.chance(0.05)))) continue
    const committed = yield* commit(world, pause ? { _tag: "Pause" } : { _tag: "Resume" })
    const { lastSeq: seq, paused } = log.state
    yield
    if (committed._tag !== "Unavailable") for (const { queue } of servers) queue.tell({ paused, seq })
  }
}
