/** Converts failures of the memory to problems. */
import type * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as Problem from "../Api/Problem.ts"
import type * as MemoryAccess from "../MemoryAccess.ts"
import * as Authenticate from "./Authenticate.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

type Common = Problem.Problem<"invalid-request" | "unavailable">

/** Maps `entries[0].scope.crew` to `["scope", "crew"]`, because the body is a single entry. */
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
    error._tag === "UnknownMemory"
      ? Effect.fail(StoreProblems.notFound("memory", error.id))
      : storing(Effect.fail(error))
  )

/** Changing one memory. */
export const changing = <A, R>(
  effect: Effect.Effect<
    A,
    Memory.MemoryError | Memory.InvalidMemory | Memory.UnknownMemory | MemoryAccess.MemoryShared,
    R
  >
): Effect.Effect<A, Common | Problem.Problem<"not-found" | "forbidden">, R> =>
  effect.pipe(
    Effect.catchTag("MemoryShared", () => Effect.fail(Authenticate.forbidden("users:act-for"))),
    Effect.catchTag(["MemoryError", "InvalidMemory", "UnknownMemory"], (error) => reading(Effect.fail(error)))
  )

export const refused = ({ message, reason }: MemoryAccess.MemoryRefused): Problem.Problem<"memory-refused"> =>
  Problem.make("memory-refused", { reason, detail: message })
