/** A modelled sweep: brings the queue what it lacks of the log, and makes it forget what the log has ended. */
import { factsOf, type Act, type Server, type World } from "./World.ts"

/** Who may run the execution, by a lease in its row. */
export interface Ownership {
  owner: string | undefined
  until: number
}

/** Steps for which a server owns an execution without renewing. */
const leaseSteps = 400

export function* sweep(world: World, server: Server, ownership: Ownership): Act {
  const { log, rules, scenario } = world
  const { queue } = server
  /** Where the log stood when the queue was last told all. */
  let verifiedAt = 0
  for (;;) {
    yield
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
    yield
    if (state.status !== "running") {
      if (rules.sweepForgets && seen !== "absent") queue.forget()
    } else if (seen === "absent") {
      if (!rules.sweepAbsent) continue
      queue.submit(factsOf(state, log.now))
      yield
      if (!rules.readAfterSubmit) continue
      const { nodes, paused, seq, settled, signals } = factsOf(log.state, log.now)
      queue.tell({ nodes, paused, seq, settled, signals })
    } else if (seen === "idle" && rules.sweepQuiet && scenario.sweepsQuiet) {
      if (!rules.sweepAgain && verifiedAt === state.lastSeq) continue
      const { nodes, paused, seq, settled, signals } = factsOf(state, log.now)
      queue.tell({ nodes, paused, seq, settled, signals })
      verifiedAt = state.lastSeq
    }
  }
}
