/**
 * A modelled worker: takes a task, reads the log, starts the task, works on it, and passes the
 * log's news to the queue.
 */
import type * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import type { Lease } from "../protocol/Queue.ts"
import { announce, commit, factsOf } from "../protocol/World.ts"
import { type Act, Leg, type Self, type World } from "./Leg.ts"
import { takeOver } from "./Retrying.ts"
import { work } from "./Work.ts"

export function* serve(world: World, self: Self): Act {
  const { queue } = self.server
  while (!self.draining) {
    const lease = queue.take(self.name)
    // The reply of the queue may be lost like any other: then the lease has no worker.
    self.lease = world.log.chaos && world.random.chance(world.scenario.lostReply) ? undefined : lease
    yield
    if (self.lease !== undefined) yield* begin(world, self, self.lease)
    self.lease = undefined
  }
}

function* begin(world: World, self: Self, lease: Lease): Act {
  const { eye, log } = world
  const { queue } = self.server
  const { taskId } = lease
  yield* takeOver(world, self.server)
  const seen = log.state
  const known = Execution.task(seen, taskId)
  yield
  if (!queue.holds(lease)) return
  const started = yield* commit(
    world,
    {
      _tag: "Start",
      taskId,
      worker: self.name,
      maxCrashes: world.maxCrashes,
      now: log.now,
      ...(lease.timedOut === undefined ? {} : { timedOut: lease.timedOut }),
      ...(known === undefined ? {} : { seenRun: known.run, seenAttempt: known.attempt })
    },
    undefined,
    seen
  )
  if (started._tag === "Unavailable") return void queue.release(lease)
  if (started._tag === "Refused") return refused(world, self, lease, started)
  const start = started.drafts[0]!
  if (start.type !== "TaskStarted") return announce(queue, started.drafts)
  // The losers.
  if (started.drafts.length > 1) announce(queue, started.drafts)
  yield
  const leg = new Leg(world, self, lease, start.run)
  if (leg.isLost) return void leg.leave()
  eye.checkTranscript(taskId, log.store.read(0, Number.POSITIVE_INFINITY))
  yield* work(leg)
}

/** The queue's news when the log refuses a start. */
const refused = (
  { eye, log }: World,
  { server: { queue } }: Self,
  lease: Lease,
  { refusal, state }: { readonly refusal: Decision.Refusal; readonly state: Execution.Execution }
): void => {
  switch (refusal) {
    case "ended":
    case "dependencies":
    case "unknown-task":
      return queue.forget()
    case "settled":
      return queue.tell({ settled: [lease.taskId] })
    case "suspended": {
      const facts = factsOf(state, log.now)
      const { remainingMillis, run, waits } = facts.suspended.find(({ id }) => id === lease.taskId)!
      eye.refusedStart(lease.taskId, run)
      queue.suspend(lease, { waits, run, remainingMillis, spawn: facts.nodes })
      // What it waits for may have arrived while the queue did not know of the wait.
      return queue.tell({ settled: facts.settled, signals: facts.signals })
    }
    case "delayed":
      return void queue.release(lease, Date.parse(Execution.task(state, lease.taskId)!.retryAt!) - log.now)
    case "paused":
      queue.tell({ paused: true, seq: state.lastSeq })
      return void queue.release(lease)
    default:
      return void queue.release(lease)
  }
}
