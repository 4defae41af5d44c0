/**
 * One leg of a task as a worker runs it: gathers what the leg needs from the log, from memory and
 * from the crew's functions, and hands it to the runner.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as AgentLoop from "../AgentLoop.ts"
import * as Condition from "../AgentLoop/Condition.ts"
import { failed, Lost, type Ended, type Leg } from "../AgentLoop/Leg.ts"
import type { Upstream } from "../AgentLoop/Prompting.ts"
import * as Transcript from "../AgentLoop/Transcript.ts"
import type * as Decision from "../Decision.ts"
import type * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import * as IsoTime from "../IsoTime.ts"
import type * as Memory from "../Memory.ts"
import { leastTrusted } from "../MemoryOptions.ts"
import * as Tenant from "../Tenant.ts"
import * as Briefing from "./Briefing.ts"
import type { CodeRegistry } from "./CodeRegistry.ts"
import type { Ledger } from "./Ledger.ts"
import * as Excerpts from "./Excerpts.ts"
import * as MemoryPolicy from "./MemoryPolicy.ts"
import * as MemoryTools from "./MemoryTools.ts"
import * as Recalling from "./Recalling.ts"
import * as Steering from "./Steering.ts"
import * as Waiting from "./Waiting.ts"

export interface Options {
  readonly log: EventLog.EventLog["Service"]
  readonly ledger: Ledger["Service"]
  readonly registry: CodeRegistry["Service"]
  readonly memory: Option.Option<Memory.Memory["Service"]>
  /** Waits until what this process has to remember is remembered. */
  readonly remembered: Effect.Effect<void>
  readonly clock: Clock.Clock
  /** By the log's clock. */
  readonly now: Effect.Effect<number, EventLog.EventLogError>
  readonly runner: typeof AgentLoop.run
  readonly services: Parameters<typeof AgentLoop.run>[0]
  /** Ask models to stream. */
  readonly streaming: boolean
}

/**
 * `growth`: the log does not let the execution grow by what the leg wanted. `unheard`: the agent
 * was told something meanwhile.
 */
export type Refused = Extract<Decision.Refusal, "growth" | "unheard">

export const make = ({
  clock,
  ledger,
  log,
  memory,
  now,
  registry,
  remembered,
  runner,
  services,
  streaming
}: Options) => {
  const recall = Recalling.make(memory, remembered)

  const upstreamOf = Effect.fnUntraced(function* (state: Execution.Execution, ids: ReadonlyArray<string>) {
    if (ids.length === 0) return []
    const completed = ids.filter((id) => Execution.task(state, id)?.status === "completed")
    const outputs = yield* log.outputs(state.id, completed)
    return ids.map((id): Upstream => {
      const task = Execution.task(state, id)!
      return {
        task: id,
        status: task.status as Upstream["status"],
        output: outputs.get(id),
        isPartial: task.partial,
        error: task.failure?.message
      }
    })
  })

  const deltas = (state: Execution.Execution, taskId: string, run: number, context: Context.Context<never>) => {
    const fork = Effect.runForkWith(context)
    return (turn: number, offset: number, delta: string) => {
      const at = IsoTime.of(clock.currentTimeMillisUnsafe())
      fork(log.publish({ type: "TextDelta", executionId: state.id, at, taskId, run, turn, offset, delta }))
    }
  }

  /** `refused`: why the outcome of the same run was not taken. */
  const run = Effect.fnUntraced(function* (state: Execution.Execution, task: Execution.Task, refused?: Refused) {
    const plan = yield* Briefing.of(log, state, task)
    const crewCode = registry.find(state.id, state.plan.name)
    const code = crewCode?.[plan.codeOf ?? plan.id]
    if (plan.outputCode === true && code?.output === undefined) {
      return failed(
        "missing-code",
        `This process does not have the output schema of task "${plan.id}": adopt the execution with its crew.`,
        { isRetryable: false }
      )
    }
    const wanted = plan.when === undefined ? plan.context : [...new Set([...plan.context, plan.when.task])]
    const upstream = yield* upstreamOf(state, wanted)
    // A first run has no past. A later one reads its own, after its start is in the log.
    const history =
      task.run === 1 && refused === undefined
        ? Transcript.empty
        : Transcript.fromEvents(
            yield* log.read(state.id, { taskId: plan.id }),
            refused === undefined ? undefined : yield* now
          )
    const limits = Execution.scopedOf(state, task)
    const policy =
      plan.office === undefined && plan.frame === undefined ? MemoryPolicy.of(state.plan, plan.agent) : undefined
    const place = { plan: state.plan, agent: plan.agent, requester: state.requester, executionId: state.id }
    const trust = Recalling.trustOf(state, task, upstream)
    const leg: Leg = {
      tenant: yield* Tenant.Current,
      ...(state.requester.userId === undefined ? {} : { userId: state.requester.userId }),
      executionId: state.id,
      plan: state.plan,
      run: task.run,
      trust,
      ...Excerpts.of({
        log,
        executionId: state.id,
        task: plan,
        parent: task.parent,
        upstream: plan.context.map((id) => upstream.find((each) => each.task === id)!)
      }),
      // What was recalled stands in the first turn: once that is recorded, nothing is recalled
      // again.
      memories: history.turns.length === 0 ? yield* recall({ plan, upstream, policy, place }) : [],
      memoryTools: MemoryTools.make(Option.getOrUndefined(memory), { policy, place, trust, remembered }),
      history,
      standing: Waiting.make({
        log,
        state,
        task,
        now: task.open.length === 0 ? 0 : yield* now,
        isFull: refused === "growth"
      }),
      steering: Steering.make({ ledger, log, started: state, taskId: plan.id }),
      ...(limits === undefined ? {} : { limits }),
      code,
      record: (events) =>
        Effect.flatMap(ledger.record(state.id, { taskId: plan.id, run: task.run, events }), (ours) =>
          ours ? Effect.void : Effect.fail(new Lost())
        ),
      ...(streaming ? { onDelta: deltas(state, plan.id, task.run, yield* Effect.context()) } : {})
    }
    const condition =
      plan.when === undefined
        ? true
        : yield* Condition.holds(
            leg,
            upstream.find((each) => each.task === plan.when!.task)?.output,
            crewCode?.[plan.when.task]?.output
          )
    if (condition === false) return { outcome: { _tag: "Skipped" }, progress: [] } satisfies Ended
    if (condition !== true) return condition
    const ended = yield* runner(services, leg)
    if (ended.outcome._tag !== "Completed") return ended
    return { ...ended, outcome: { ...ended.outcome, trust: leastTrusted(trust, ended.outcome.trust ?? "agent") } }
  })

  return { run }
}
