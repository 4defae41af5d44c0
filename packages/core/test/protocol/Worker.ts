/**
 * A modelled worker: takes a task, reads the log, starts the task, follows its script, commits the
 * outcome, notifies the queue.
 */
import * as HashMap from "effect/HashMap"
import type * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import * as Transcript from "../../src/AgentLoop/Transcript.ts"
import type { Lease } from "./Queue.ts"
import { type Position, asksOf, type Step, turnOf } from "../simulation/Script.ts"
import { Violation } from "../simulation/Witness.ts"
import type { Basis } from "./Witness.ts"
import * as World from "./World.ts"
import * as QueueFacts from "../../src/QueueFacts.ts"

/** The visible state of a worker. */
export interface Self {
  readonly name: string
  readonly server: World.Server
  lease: Lease | undefined
  /** The run that it began under its lease. */
  run: number | undefined
  frozen: boolean
  draining: boolean
  /** It is about to die. */
  poisoned: boolean
}

export function* work(world: World.World, self: Self): World.Act {
  const { queue } = self.server
  while (!self.draining) {
    self.lease = undefined
    self.run = undefined
    const lease = queue.take(self.name)
    // The reply of the queue may be lost like any other: then the lease has no worker.
    const { lostReply, queue: kind } = world.scenario
    const lost = kind === "modelled" && world.log.chaos && world.random.chance(lostReply)
    self.lease = lost ? undefined : lease
    yield
    if (self.lease !== undefined) yield* leg(world, self, self.lease)
  }
  self.lease = undefined
}

function* leg(world: World.World, self: Self, lease: Lease): World.Act {
  const { log, rules, witness } = world
  const { queue } = self.server
  const seen = log.state
  const known = Execution.task(seen, lease.taskId)
  const before = known === undefined ? undefined : witness.position(lease.taskId)
  yield
  // A worker that has taken the task since took it after this read: its start will be seen.
  if (rules.leaseAfterFold && !queue.holds(lease)) return
  const started = yield* World.commit(
    world,
    {
      _tag: "Start",
      taskId: lease.taskId,
      worker: self.name,
      maxCrashes: world.maxCrashes,
      // Without the fence any timer ends any wait.
      ...(lease.timedOut === undefined ? {} : { timedOut: rules.timerFence ? lease.timedOut : (known?.run ?? 0) }),
      ...(rules.backoffOnTake ? { now: log.now } : {}),
      ...(known === undefined ? {} : { seenRun: known.run, seenAttempt: known.attempt })
    },
    undefined,
    seen
  )
  if (started._tag === "Unavailable") return void queue.release(lease)
  if (started._tag === "Refused") return refused(world, self, lease, started)
  const start = started.drafts[0]!
  if (start.type !== "TaskStarted") return World.announce(queue, started.drafts)
  self.run = start.run
  let position = before!
  if (rules.reread) {
    yield
    position = witness.position(lease.taskId)
    if (rules.runFence && position.run !== start.run) return void queue.release(lease)
    if (rules.runFence) checkTranscript(world, lease.taskId, position)
  }
  yield* steps(world, self, lease, { ...position, run: start.run })
}

/** The real agent loop must continue from the position that the witness has for the task. */
const checkTranscript = ({ log }: World.World, taskId: string, { announced, turns }: Position): void => {
  const events = log.store.read(0, Number.POSITIVE_INFINITY)
  const transcript = Transcript.fromEvents(events.filter((event) => "taskId" in event && event.taskId === taskId))
  if (transcript.turns.length !== turns || transcript.started.size !== announced.size)
    throw new Violation("transcript differs", `${taskId} has ${turns} turns, the transcript ${transcript.turns.length}`)
}

/** The queue's news when the log refuses a start. */
const refused = (
  { log, rules }: World.World,
  { server: { queue } }: Self,
  lease: Lease,
  { refusal, state }: { readonly refusal: Decision.Refusal; readonly state: Execution.Execution }
): void => {
  if (!rules.foldOnTake) return void queue.release(lease)
  switch (refusal) {
    case "ended":
      return queue.forget()
    case "settled":
      return queue.tell({ settled: [lease.taskId] })
    case "suspended": {
      const task = Execution.task(state, lease.taskId)!
      const waits = QueueFacts.waitsOf(state, task.waits!)
      queue.suspend(lease, {
        waits,
        run: task.run,
        remainingMillis: World.remainingOf(task, log.now),
        spawn: World.spawnedBy(state, lease.taskId)
      })
      // What it waits for may have arrived while the queue did not know of the wait.
      return queue.tell({
        settled: settledOf(
          state,
          task.waits!.groups.flatMap(({ tasks }) => tasks)
        ),
        signals: arrivedOf(
          state,
          task.waits!.groups.flatMap(({ signals }) => signals)
        )
      })
    }
    case "delayed":
      return void queue.release(lease, Date.parse(Execution.task(state, lease.taskId)!.retryAt!) - log.now)
    case "paused":
      queue.tell({ paused: true, seq: state.lastSeq })
      return void queue.release(lease)
    case "dependencies":
    case "unknown-task":
      return queue.forget()
    case "stale":
    case "already":
      return void queue.release(lease)
  }
}

const settledOf = (state: Execution.Execution, ids: ReadonlyArray<string>): ReadonlyArray<string> =>
  ids.filter((id) => Execution.isSettled(Execution.task(state, id)!))

const arrivedOf = (state: Execution.Execution, signals: ReadonlyArray<string>): ReadonlyArray<string> =>
  signals.filter((signal) => HashMap.has(state.closed, signal))

/** Follows the script from a position on, until the leg ends or is lost. */
function* steps(world: World.World, self: Self, lease: Lease, from: Position): World.Act {
  const { rules, scripts, witness } = world
  const { queue } = self.server
  const { attempt, epoch, run } = from
  const { taskId } = lease
  const script = scripts.of(taskId)
  let { at, turns } = from
  /** A turn whose append may not have been stored: it goes into the append of the outcome. */
  let unsure: ReadonlyArray<ExecutionEvent.Draft> = []
  const basis = (): Basis => ({ taskId, epoch, at })

  const waited = script[at - 1]
  if (waited?.kind === "ask" || waited?.kind === "delegate" || waited?.kind === "sleep")
    witness.resume(taskId, from, outcomeOf(world, waited, taskId, from))

  for (;;) {
    const step: Step | undefined = script[at]
    if (self.draining) {
      if (rules.releaseRecorded) yield* finish(world, self, lease, { run, outcome: { _tag: "Released" }, bases: [] })
      else {
        witness.drain(taskId, run)
        queue.release(lease)
      }
      return
    }
    if (step?.kind === "stumble" && attempt > step.attempts) at++
    else if (step?.kind === "poison") {
      self.poisoned = true
      yield
    } else if (step?.kind === "turn") {
      witness.ask(taskId, from, at)
      for (let left = world.scenario.callSteps; left > 0; left--) yield
      const turn = turnOf(taskId, run, turns + 1)
      const next = script[at + 1]
      if (next?.kind === "tool" && !rules.durableFirst) witness.execute(taskId, from, at + 1, true)
      const reply = yield* World.append(world, { drafts: [turn], bases: [basis()], expectVersion: undefined })
      if (reply._tag === "Unavailable") {
        // Only the outcome may build on it, and includes it in its append.
        if (script[at + 1] !== undefined) return void queue.release(lease)
        unsure = [turn]
      } else if (reply._tag !== "Appended" || isLost(world, taskId, run)) return void queue.release(lease)
      at++
      turns++
    } else if (step?.kind === "tool") {
      const callId = `${epoch}.${at}`
      const announced = from.announced.has(at)
      if (!step.repeatable && rules.toolStarted && !announced) {
        const announcement = { type: "ToolStarted", taskId, run, turn: turns, callId, tool: "t" } as const
        const reply = yield* World.append(world, { drafts: [announcement], bases: [basis()], expectVersion: undefined })
        if (reply._tag !== "Appended" || isLost(world, taskId, run)) return void queue.release(lease)
      }
      if (step.repeatable || !announced) witness.execute(taskId, from, at, step.repeatable)
      yield
      const called = {
        type: "ToolCalled",
        taskId,
        run,
        turn: turns,
        callId,
        tool: "t",
        arguments: null,
        result: null,
        isFailure: !step.repeatable && announced,
        durationMillis: 1
      } as const
      const reply = yield* World.append(world, { drafts: [called], bases: [basis()], expectVersion: undefined })
      if (reply._tag !== "Appended" || isLost(world, taskId, run)) return void queue.release(lease)
      at++
    } else {
      const outcome = scripts.outcome(taskId, from, at)
      const bases = [...unsure.map(() => ({ ...basis(), at: at - 1 })), basis()]
      return yield* finish(world, self, lease, { run, outcome, progress: unsure, bases })
    }
  }
}

const isLost = ({ log, rules }: World.World, taskId: string, run: number): boolean => {
  if (!rules.runFence) return false
  const task = Execution.task(log.state, taskId)!
  return task.run !== run || task.status !== "running" || log.state.status !== "running"
}

/** Commits the outcome of a leg and notifies the queue. */
function* finish(
  world: World.World,
  self: Self,
  lease: Lease,
  ended: {
    readonly run: number
    readonly outcome: Decision.Outcome
    readonly progress?: ReadonlyArray<ExecutionEvent.Draft>
    readonly bases: ReadonlyArray<Basis>
  }
): World.Act {
  const { queue } = self.server
  const { bases, outcome, progress = [], run } = ended
  const { taskId } = lease
  if (!world.rules.logFirst && outcome._tag === "Completed") {
    queue.tell({ settled: [taskId] })
    yield
  }
  const command = { _tag: "Finish", taskId, run, outcome, progress, jitter: world.random.next() } as const
  const turnBasis = progress.length > 0 ? bases[0] : undefined
  const committed = yield* World.commit(world, command, (draft) => {
    if (progress.includes(draft)) return turnBasis
    return "taskId" in draft && draft.taskId === taskId ? bases.at(-1) : undefined
  })
  if (committed._tag !== "Committed") return void queue.release(lease)
  yield
  const own = committed.drafts.find(
    (draft) => "taskId" in draft && draft.taskId === taskId && !progress.includes(draft)
  )
  if (own?.type === "TaskRetried") queue.release(lease, own.delayMillis)
  else if (own?.type === "TaskReleased") queue.release(lease)
  else if (own?.type === "TaskSuspended") {
    const nodes = own.spawn.map(({ dependencies, id }) => ({ id, dependencies }))
    const waits = QueueFacts.waitsOf(committed.state, own.waits)
    const suspension = { waits, run, remainingMillis: waits.timeoutMillis }
    if (world.rules.oneSuspension) queue.suspend(lease, { ...suspension, spawn: nodes })
    else {
      queue.suspend(lease, { ...suspension, spawn: [] })
      yield
      queue.tell({ nodes })
    }
  } else World.announce(queue, committed.drafts)
}

/** How a wait came out: as the log recorded it, or, without that rule, as things stand now. */
const outcomeOf = ({ log, rules }: World.World, waited: Step, taskId: string, from: Position): string => {
  if (rules.wokeRecorded || waited.kind !== "ask") return from.woke ?? "satisfied"
  const arrived = arrivedOf(log.state, asksOf(waited, taskId, from, from.at - 1)).length
  return (waited.mode === "any" ? arrived > 0 : arrived === waited.signals) ? "satisfied" : "timeout"
}
