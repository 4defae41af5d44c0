/**
 * The memories an agent recalls before its first turn, and how far its inputs can be trusted.
 */
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import { textOf, type Upstream } from "../AgentLoop/Prompting.ts"
import * as Execution from "../Execution.ts"
import type * as Memory from "../Memory.ts"
import { leastTrusted, type MemoryOptions, type Origin } from "../MemoryOptions.ts"
import type { PlannedTask } from "../Plan.ts"
import * as MemoryPolicy from "./MemoryPolicy.ts"

/**
 * Characters of what is recalled for: the description comes first, and outputs of other tasks may
 * be long.
 */
const maxQueryLength = 20_000

export interface Reminding {
  readonly plan: PlannedTask
  readonly upstream: ReadonlyArray<Upstream>
  readonly policy: MemoryOptions | undefined
  readonly place: MemoryPolicy.Place
}

const none: ReadonlyArray<Memory.Recalled> = []

/**
 * If the memory fails, the task runs without recalled memories. `remembered` waits until pending
 * memories are stored.
 */
export const make =
  (memory: Option.Option<Memory.Memory["Service"]>, remembered: Effect.Effect<void>) =>
  ({ place, plan, policy, upstream }: Reminding): Effect.Effect<ReadonlyArray<Memory.Recalled>> => {
    if (policy === undefined || memory._tag === "None") return Effect.succeed(none)
    const text = [plan.description, ...upstream.map(({ output }) => (output === undefined ? "" : textOf(output)))]
    const { kinds, maxTokens, minTrust, threshold } = policy
    const query: Memory.Query = {
      text: text.join("\n").replaceAll("\0", " ").slice(0, maxQueryLength),
      scope: MemoryPolicy.visibleTo(policy, place),
      ...(kinds === undefined ? {} : { kinds }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(minTrust === undefined ? {} : { minTrust }),
      ...(threshold === undefined ? {} : { threshold })
    }
    return Effect.andThen(remembered, memory.value.recall(query)).pipe(
      Effect.catch((error) => Effect.as(Effect.logWarning(error.message), none))
    )
  }

/**
 * How far what the task is given can be trusted: the outputs of others, those of its own children
 * included.
 */
export const trustOf = (
  state: Execution.Execution,
  { plan }: Execution.Task,
  upstream: ReadonlyArray<Upstream>
): Origin => {
  let trust: Origin = "agent"
  const given = [
    ...upstream.map(({ task }) => task),
    ...(Option.getOrUndefined(HashMap.get(state.children, plan.id)) ?? [])
  ]
  for (const id of given) trust = leastTrusted(trust, Execution.task(state, id)?.trust ?? "agent")
  return trust
}
