/**
 * Whose memories a caller reaches: by its credential, or for the user that it may name. It sees
 * those of its user and those that belong to no user, and changes those of its user alone. With
 * `users: all`, which takes the scope for acting for others, it reaches all of the tenant.
 */
import * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import type * as Memories from "../Api/Memories.ts"
import type * as Problem from "../Api/Problem.ts"
import * as Principal from "../Principal.ts"
import * as Authenticate from "./Authenticate.ts"
import * as RequestBody from "./RequestBody.ts"

export interface Reach {
  /** Absent: nobody in particular, on a server that asks for no credential. */
  readonly user: string | undefined
  readonly isAll: boolean
}

const places = Memory.Visibility.parts.filter((part) => part !== "user")

const both = RequestBody.invalid([
  { path: ["users"], code: "invalid-value", message: "Set either users or onBehalfOf, not both." }
])

export const of = Effect.fnUntraced(function* ({
  onBehalfOf,
  users
}: Memories.Whose): Effect.fn.Return<Reach, Problem.Problem<"forbidden" | "invalid-request">> {
  if (users === "all") {
    if (onBehalfOf !== undefined) return yield* both
    yield* Authenticate.requireScope("users:act-for")
  }
  const principal = yield* Authenticate.actingFor(onBehalfOf)
  return { user: Principal.requester(principal, onBehalfOf).userId, isAll: users === "all" }
})

/** A scope of the user's. */
export const scopeOf = ({ user }: Reach, scope: Memory.Scope = {}): Memory.Scope => ({
  ...scope,
  ...(user !== undefined && { user })
})

/** What is seen from a scope; what it does not name does not matter. */
export const viewOf = (reach: Reach, scope: Memory.Scope = {}): Memory.View => ({
  scope: scopeOf(reach, scope),
  any: [...places.filter((part) => scope[part] === undefined), ...(reach.isAll ? (["user"] as const) : [])]
})

/** A filter of what the user may see. */
export const seen = (reach: Reach, filter: Memory.Filter): Memory.Filter =>
  reach.isAll ? filter : { ...filter, seenFrom: viewOf(reach) }

/** A filter of what the user may change. */
export const own = (reach: Reach, filter: Memory.Filter): Memory.Filter =>
  reach.isAll || reach.user === undefined ? seen(reach, filter) : { ...filter, scope: scopeOf(reach, filter.scope) }

export const isOwn = (reach: Reach, { scope }: Memory.Entry): boolean => reach.isAll || scope.user === reach.user

export const isSeen = (reach: Reach, entry: Memory.Entry): boolean =>
  entry.scope.user === undefined || isOwn(reach, entry)
