/**
 * A modelled sweep: gives the queue what it lacks of the log, and removes what has ended in the
 * log.
 */
import type * as Execution from "../../src/Execution.ts"
import type { News } from "./Queue.ts"
import { factsOf, type Act, type Server, type Stage } from "./World.ts"

/** Who may run the execution, by a lease in its row. */
export interface Ownership {
  owner: string | undefined
  until: number
}

/** All the news in a state, for a queue that knows the execution. */
const newsOf = (state: Execution.Execution, now: number): News => {
  const { nodes, paused, seq, settled, signals } = factsOf(state, now)
  return { nodes, paused, seq, settled, signals, upTo: seq }
}

/** Steps for which a server owns an execution without renewing. */
const leaseSteps = 400

export function* sweep(world: Stage, server: Server, ownership: Ownership): Act {
  const { log, rules, scenario } = world
  const { queue } = server
  /**
   * The position of the log when this sweep updated the queue: not reliable, because the queue may
   * have lost data since.
   */
  let verifiedAt = 0
  for (;;) {
    yield
    if (!scenario.sweeps) continue
    if (rules.ownerLease && scenario.servers > 1) {
      if (ownership.owner !== server.name && ownership.owner !== undefined && log.now < ownership.until) {
        queue.forget()
        continue
      }
      ownership.owner = server.name
      ownership.until = log.now + leaseSteps
      yield
    }
    const state = log.state
    const seen = queue.inspect()
    const told = rules.toldInQueue ? queue.upTo() : verifiedAt
    yield
    if (state.status !== "running") {
      if (rules.sweepForgets && seen !== "absent") queue.forget()
    } else if (seen === "absent") {
      if (!rules.sweepAbsent) continue
      queue.submit(factsOf(state, log.now))
      yield
      if (!rules.readAfterSubmit) continue
      queue.tell(newsOf(log.state, log.now))
    } else if (seen === "idle" && rules.sweepQuiet && scenario.sweepsQuiet) {
      if (told >= state.lastSeq) continue
      queue.tell(newsOf(state, log.now))
      verifiedAt = state.lastSeq
    }
  }
}
