/** Handlers of `/api/v1/memories`. */
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as Worker from "@crewline/core/Worker"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { Api } from "../Api.ts"
import * as Memories from "../Api/Memories.ts"
import type * as Problem from "../Api/Problem.ts"
import * as AuditLog from "../AuditLog.ts"
import * as MemoryAccess from "../MemoryAccess.ts"
import * as Principal from "../Principal.ts"
import * as Authenticate from "./Authenticate.ts"
import * as MemoryImport from "./MemoryImport.ts"
import * as MemoryProblems from "./MemoryProblems.ts"
import * as Page from "./Page.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

const readBody = RequestBody.decode(Memories.Body)
const readSearch = RequestBody.decode(Memories.SearchBody)
const readForget = RequestBody.decode(Memories.ForgetBody)
const readPatch = RequestBody.decode(Memories.Patch)
const readRetention = RequestBody.decode(Memories.RetentionBody)

const { changing, reading, storing } = MemoryProblems

const both = RequestBody.invalid([
  { path: ["users"], code: "invalid-value", message: "Set either users or onBehalfOf, not both." }
])

/**
 * The memories that the caller can access: those of its credential's user, or of the user that it
 * acts for. Access to all users requires the scope for acting for others.
 */
const reachOf = Effect.fnUntraced(function* ({
  onBehalfOf,
  users
}: Memories.Whose): Effect.fn.Return<MemoryAccess.Reach, Problem.Problem<"forbidden" | "invalid-request">> {
  if (users === "all") {
    if (onBehalfOf !== undefined) return yield* both
    yield* Authenticate.requireScope("users:act-for")
  }
  const principal = yield* Authenticate.actingFor(onBehalfOf)
  return { user: Principal.requester(principal, onBehalfOf).userId, isAll: users === "all" }
})

/** The view and time of a query. */
const viewOf = Effect.fnUntraced(function* ({
  asOf,
  ...query
}: Memories.Whose & Parameters<typeof MemoryAccess.placeOf>[0] & { readonly asOf?: string | undefined }) {
  const view = MemoryAccess.viewOf(yield* reachOf(query), MemoryAccess.placeOf(query))
  return { ...view, ...(asOf !== undefined && { asOf }) }
})

const remember = Effect.fnUntraced(function* (access: MemoryAccess.Access, body: Memories.Body) {
  const reach = yield* reachOf(body)
  if (body.shared === true && reach.user !== undefined) yield* Authenticate.requireScope("users:act-for")
  const { entry, isNew } = yield* access.remember(reach, body).pipe(
    Effect.catchTag("MemoryRefused", (error) => Effect.fail(MemoryProblems.refused(error))),
    Effect.catchTag(["MemoryError", "InvalidMemory"], (error) => storing(Effect.fail(error)))
  )
  return isNew
    ? HttpServerResponse.jsonUnsafe(entry, { status: 201, headers: { location: `/api/v1/memories/${entry.id}` } })
    : HttpServerResponse.jsonUnsafe(entry)
})

export const layer = HttpApiBuilder.group(
  Api,
  "memories",
  Effect.fnUntraced(function* (handlers) {
    const memory = yield* Memory.Memory
    const access = MemoryAccess.make(memory)
    const { remembered } = yield* Worker.Worker
    return handlers
      .handle("list", ({ query: { cursor, limit: most, ...query } }) =>
        Effect.flatMap(reachOf(query), (reach) =>
          Page.read({ cursor, limit: most }, ({ before: after, limit }) =>
            storing(access.list(reach, { ...query, limit, after }))
          )
        )
      )
      .handleRaw("remember", ({ request }) => Effect.flatMap(readBody(request), (body) => remember(access, body)))
      .handleRaw("search", ({ request }) =>
        Effect.gen(function* () {
          const body = yield* readSearch(request)
          const reach = yield* reachOf(body)
          yield* remembered
          return { items: yield* storing(access.search(reach, body)) }
        })
      )
      .handleRaw("forget", ({ request }) =>
        Effect.gen(function* () {
          const body = yield* readForget(request)
          const reach = yield* reachOf(body)
          // Otherwise the memory of a completed task would appear after it was forgotten.
          yield* remembered
          const forgotten = yield* storing(access.forget(reach, body))
          yield* AuditLog.tell({ details: { count: String(forgotten.count) } })
          return forgotten
        })
      )
      .handle("entities", ({ query: { limit, name, ...query } }) =>
        Effect.gen(function* () {
          const options = { ...(yield* viewOf(query)), ...(limit !== undefined && { limit }) }
          return { items: yield* storing(memory.entities({ ...options, ...(name !== undefined && { name }) })) }
        })
      )
      .handle("relations", ({ query: { entity, limit, ...query } }) =>
        Effect.gen(function* () {
          const options = { ...(yield* viewOf(query)), ...(limit !== undefined && { limit }) }
          return { items: yield* storing(memory.relations({ ...options, ...(entity !== undefined && { entity }) })) }
        })
      )
      .handle("export", ({ query }) =>
        Effect.gen(function* () {
          const lines = access.export(yield* reachOf(query), MemoryAccess.placeOf(query)).pipe(
            // The stream runs after the handler has returned, outside its context.
            Stream.provideService(Tenant.Current, yield* Tenant.Current),
            Stream.map((exported) => `${JSON.stringify(exported)}\n`),
            Stream.encodeText
          )
          return HttpServerResponse.stream(lines, {
            contentType: Memories.contentType,
            headers: { "cache-control": "no-store" }
          })
        })
      )
      .handleRaw("import", ({ query, request }) =>
        Effect.gen(function* () {
          const reach = yield* reachOf(query)
          const imported = yield* MemoryImport.run(request, (exported) => access.import(reach, exported))
          yield* AuditLog.tell({ details: { stored: String(imported.stored) } })
          return imported
        })
      )
      .handle("statistics", () => storing(memory.statistics))
      .handle("retention", () => Effect.map(storing(memory.retention), (items) => ({ items })))
      .handleRaw("retain", ({ request }) =>
        Effect.gen(function* () {
          const { items } = yield* readRetention(request)
          yield* Authenticate.requireScope("users:act-for")
          yield* memory.retain(items).pipe(
            Effect.catchTag("InvalidMemory", (error) => Effect.fail(MemoryProblems.invalid(error, ["items"]))),
            Effect.catchTag("MemoryError", StoreProblems.unavailable)
          )
          return { items }
        })
      )
      .handle("get", ({ params, query }) =>
        Effect.flatMap(reachOf(query), (reach) => reading(access.get(reach, params.id)))
      )
      .handleRaw("change", ({ params, query, request }) =>
        Effect.gen(function* () {
          const patch = yield* readPatch(request)
          return yield* changing(access.change(yield* reachOf(query), params.id, patch))
        })
      )
      .handle("remove", ({ params, query }) =>
        Effect.flatMap(reachOf(query), (reach) => changing(access.remove(reach, params.id)))
      )
      .handleRaw("explain", ({ params, request }) =>
        Effect.gen(function* () {
          const body = yield* readSearch(request)
          return yield* reading(access.explain(yield* reachOf(body), params.id, body))
        })
      )
  })
)
