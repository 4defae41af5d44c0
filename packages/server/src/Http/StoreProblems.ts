/**
 * Failures of services as problems.
 */
import type * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
import * as Problem from "../Api/Problem.ts"
import * as ResourceStore from "../ResourceStore.ts"

/** Transient failures are reported to the client; all others are defects of the server. */
export const unavailable = (reason: {
  readonly isRetryable: boolean
}): Effect.Effect<never, Problem.Problem<"unavailable">> =>
  reason.isRetryable
    ? Effect.fail(Problem.make("unavailable", { detail: "The storage does not respond; try again in a moment." }))
    : Effect.die(reason)

/** The tenant has as many executions as it may have at once. */
export const tooManyExecutions = ({
  limit,
  message
}: EventLog.TooManyUnfinished): Problem.Problem<"too-many-executions"> =>
  Problem.make("too-many-executions", { limit, detail: message })

/** Nothing has this id. */
export const notFound = (
  resource: Problem.Problem<"not-found">["resource"],
  id: string
): Problem.Problem<"not-found"> =>
  Problem.make("not-found", { resource, id, detail: `There is no ${names[resource] ?? resource} ${id}.` })

/** As text, where it differs. */
const names: { readonly [resource: string]: string } = {
  "llm-provider": "LLM provider",
  "outbox-row": "outbox row",
  "tool-api": "registered API"
}

/** A kind of stored resource. */
export type Resource = "crew" | "agent" | "llm-provider" | "key" | "secret" | "tool-api"

/** Listing and creating resources. */
export const storing = <A, R>(
  effect: Effect.Effect<A, ResourceStore.StoreError, R>
): Effect.Effect<A, Problem.Problem<"unavailable">, R> =>
  Effect.catch(effect, ({ reason }) => (reason._tag === "Unavailable" ? unavailable(reason) : Effect.die(reason)))

/** Reading a resource. */
export const reading =
  (resource: Resource) =>
  <A, R>(
    effect: Effect.Effect<A, ResourceStore.StoreError, R>
  ): Effect.Effect<A, Problem.Problem<"not-found" | "unavailable">, R> =>
    Effect.catch(effect, ({ reason }): Effect.Effect<never, Problem.Problem<"not-found" | "unavailable">> => {
      if (reason._tag === "UnknownResource") return Effect.fail(notFound(resource, reason.id))
      return reason._tag === "Unavailable" ? unavailable(reason) : Effect.die(reason)
    })

type ChangeProblem = Problem.Problem<"not-found" | "version-mismatch" | "unavailable">

/** Changing a resource. */
export const changing =
  (resource: Resource) =>
  <A, R>(effect: Effect.Effect<A, ResourceStore.StoreError, R>): Effect.Effect<A, ChangeProblem, R> =>
    Effect.catch(effect, ({ reason }): Effect.Effect<never, ChangeProblem> => {
      switch (reason._tag) {
        case "UnknownResource":
          return Effect.fail(notFound(resource, reason.id))
        case "OtherVersion":
          return Effect.fail(
            Problem.make("version-mismatch", {
              version: reason.version,
              detail: `The ${resource} ${reason.id} is now at version ${reason.version}: read it again and repeat the change.`
            })
          )
        case "NameTaken":
          return Effect.die(reason)
        case "Unavailable":
          return unavailable(reason)
      }
    })

/** Giving a resource a name, where names are unique; the other failures are left to `rest`. */
export const naming =
  <A, E>(rest: (effect: Effect.Effect<A, ResourceStore.StoreError>) => Effect.Effect<A, E>) =>
  (effect: Effect.Effect<A, ResourceStore.StoreError>): Effect.Effect<A, E | Problem.Problem<"name-taken">> =>
    Effect.catch(effect, (error): Effect.Effect<A, E | Problem.Problem<"name-taken">> => {
      if (error.reason._tag !== "NameTaken") return rest(Effect.fail(error))
      const message = `The name ${JSON.stringify(error.reason.name)} is taken: choose another.`
      return Effect.fail(
        Problem.make("name-taken", { detail: message, errors: [{ path: ["name"], code: "name-taken", message }] })
      )
    })

/** Listing executions. */
export const listing = <A, R>(
  effect: Effect.Effect<ReadonlyArray<A>, EventLog.EventLogError, R>
): Effect.Effect<ReadonlyArray<A>, Problem.Problem<"unavailable">, R> =>
  Effect.catch(effect, ({ reason }): Effect.Effect<ReadonlyArray<A>, Problem.Problem<"unavailable">> => {
    // The execution that the cursor names was deleted, and all older ones with it.
    if (reason._tag === "UnknownExecution") return Effect.succeed([])
    return reason._tag === "Unavailable" ? unavailable(reason) : Effect.die(reason)
  })

/** Operations on an execution. */
export const execution =
  (id: string) =>
  <A, R>(
    effect: Effect.Effect<A, EventLog.EventLogError, R>
  ): Effect.Effect<A, Problem.Problem<"not-found" | "gone" | "unavailable">, R> =>
    Effect.catch(effect, ({ reason }): Effect.Effect<never, Problem.Problem<"not-found" | "gone" | "unavailable">> => {
      if (reason._tag === "UnknownExecution") return Effect.fail(notFound("execution", id))
      if (reason._tag === "Gone") {
        return Effect.fail(Problem.make("gone", { resource: "execution", id, detail: reason.message }))
      }
      return reason._tag === "Unavailable" ? unavailable(reason) : Effect.die(reason)
    })

/** Reading the feed, after a cursor that came in this place of the request. */
export const feed =
  (path: ReadonlyArray<string>) =>
  <A, R>(
    effect: Effect.Effect<A, EventLog.EventLogError, R>
  ): Effect.Effect<A, Problem.Problem<"invalid-request" | "cursor-expired" | "unavailable">, R> =>
    Effect.catch(
      effect,
      ({ reason }): Effect.Effect<never, Problem.Problem<"invalid-request" | "cursor-expired" | "unavailable">> => {
        const { message: detail } = reason
        if (reason._tag === "CursorExpired") return Effect.fail(Problem.make("cursor-expired", { detail }))
        if (reason._tag === "InvalidCursor") {
          const errors = [{ path, code: "invalid-cursor", message: detail }]
          return Effect.fail(Problem.make("invalid-request", { detail, errors }))
        }
        return reason._tag === "Unavailable" ? unavailable(reason) : Effect.die(reason)
      }
    )
