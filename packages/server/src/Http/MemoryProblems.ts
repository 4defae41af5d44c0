/** Failures of the memory as problems. */
import type * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as Problem from "../Api/Problem.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

type Common = Problem.Problem<"invalid-request" | "unavailable">

/** `entries[0].scope.crew` is `["scope", "crew"]` of a body that has one entry. */
const pathOf = ({ operation, path }: Memory.InvalidMemory, within: ReadonlyArray<string | number>) => {
  const steps = path
    .split(/[.[\]]+/)
    .filter((step) => step !== "")
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step))
  const inner = { remember: 2, import: 2, recall: 1, explain: 1, list: 1, forget: 1, retain: 1 }[operation] ?? 0
  const [first, ...rest] = steps.slice(inner)
  return [
    ...within,
    ...(first === "text" && operation !== "remember" ? ["query"] : first === undefined ? [] : [first]),
    ...rest
  ]
}

export const invalid = (
  error: Memory.InvalidMemory,
  within: ReadonlyArray<string | number> = []
): Problem.Problem<"invalid-request"> => {
  const path = pathOf(error, within)
  const where = path.length === 0 ? "The request" : path.join(".")
  return RequestBody.invalid([{ path, code: "invalid-value", message: `${where}: ${error.description}.` }])
}

/** Operations on memories in general. */
export const storing = <A, R>(
  effect: Effect.Effect<A, Memory.MemoryError | Memory.InvalidMemory, R>
): Effect.Effect<A, Common, R> =>
  Effect.catch(effect, (error): Effect.Effect<never, Common> =>
    error._tag === "InvalidMemory" ? Effect.fail(invalid(error)) : StoreProblems.unavailable(error)
  )

/** Operations on one memory. */
export const reading = <A, R>(
  effect: Effect.Effect<A, Memory.MemoryError | Memory.InvalidMemory | Memory.UnknownMemory, R>
): Effect.Effect<A, Common | Problem.Problem<"not-found">, R> =>
  Effect.catch(effect, (error): Effect.Effect<never, Common | Problem.Problem<"not-found">> =>
    error._tag === "UnknownMemory" ? Effect.fail(notFound(error.id)) : storing(Effect.fail(error))
  )

export const notFound = (id: string): Problem.Problem<"not-found"> => StoreProblems.notFound("memory", id)

const reasons = {
  "no-words": "The text has no words.",
  status: "The text says how work goes, which nobody needs later.",
  error: "The text is the error of a tool.",
  recalled: "The text is what the execution was reminded of.",
  erased: "What was remembered with this key was erased on request."
} as const

export const refused = (reason: keyof typeof reasons): Problem.Problem<"memory-refused"> =>
  Problem.make("memory-refused", { reason, detail: reasons[reason] })
