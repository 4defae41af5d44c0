/** Handlers of `/api/v1/memories`. */
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { Api } from "../Api.ts"
import * as Memories from "../Api/Memories.ts"
import * as AuditLog from "../AuditLog.ts"
import * as Authenticate from "./Authenticate.ts"
import * as MemoryImport from "./MemoryImport.ts"
import * as MemoryProblems from "./MemoryProblems.ts"
import * as MemoryReach from "./MemoryReach.ts"
import * as Page from "./Page.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

const readBody = RequestBody.decode(Memories.Body)
const readSearch = RequestBody.decode(Memories.SearchBody)
const readForget = RequestBody.decode(Memories.ForgetBody)
const readPatch = RequestBody.decode(Memories.Patch)
const readRetention = RequestBody.decode(Memories.RetentionBody)

const { reading, storing } = MemoryProblems

/** The parts of a scope among other parameters. */
const placeOf = ({ agent, crew, execution, session }: Memory.Scope): Memory.Scope => ({
  ...(crew !== undefined && { crew }),
  ...(agent !== undefined && { agent }),
  ...(session !== undefined && { session }),
  ...(execution !== undefined && { execution })
})

/** Keys of different users do not meet. */
const keyOf =
  ({ user }: MemoryReach.Reach) =>
  (key: string): string =>
    `http/${user ?? ""}/${key}`

const queryOf = (
  { onBehalfOf: _, query: text, scope, users: __, ...options }: Memories.SearchBody,
  reach: MemoryReach.Reach
): Memory.Query => ({ ...options, text, ...MemoryReach.viewOf(reach, scope), readOnly: true })

/** What is seen by a query, and as of when. */
const viewOf = Effect.fnUntraced(function* (
  query: Memories.Whose & Memory.Scope & { readonly asOf?: string | undefined }
) {
  const { asOf } = query
  const view = MemoryReach.viewOf(yield* MemoryReach.of(query), placeOf(query))
  return { ...view, ...(asOf !== undefined && { asOf }) }
})

const make = (memory: Memory.Memory["Service"]) => {
  /** A memory that the caller sees. */
  const find = Effect.fnUntraced(function* (id: string, reach: MemoryReach.Reach) {
    const entry = yield* reading(memory.get(id))
    return MemoryReach.isSeen(reach, entry) ? entry : yield* MemoryProblems.notFound(id)
  })
  /** A memory that the caller may change. */
  const findOwn = Effect.fnUntraced(function* (id: string, reach: MemoryReach.Reach) {
    const entry = yield* find(id, reach)
    return MemoryReach.isOwn(reach, entry) ? entry : yield* Authenticate.forbidden("users:act-for")
  })

  const remember = Effect.fnUntraced(function* ({
    key,
    kind = "long-term",
    onBehalfOf,
    origin = "user",
    scope,
    shared = false,
    ...given
  }: Memories.Body) {
    const reach = yield* MemoryReach.of({ onBehalfOf })
    if (shared && reach.user !== undefined) yield* Authenticate.requireScope("users:act-for")
    const owner = shared ? { user: undefined, isAll: true } : reach
    const [receipt] = yield* storing(
      memory.remember([
        {
          ...given,
          kind,
          origin,
          scope: MemoryReach.scopeOf(owner, scope),
          ...(key !== undefined && { key: keyOf(owner)(key) })
        }
      ])
    )
    if (receipt === undefined || receipt._tag === "Refused")
      return yield* MemoryProblems.refused(receipt?.reason ?? "no-words")
    const entry = yield* memory.get(receipt.id).pipe(
      // Erased in this moment.
      Effect.catchTag("UnknownMemory", () => Effect.fail(MemoryProblems.refused("erased"))),
      Effect.catchTag(["MemoryError", "InvalidMemory"], (error) => storing(Effect.fail(error)))
    )
    return receipt._tag === "Known"
      ? HttpServerResponse.jsonUnsafe(entry)
      : HttpServerResponse.jsonUnsafe(entry, { status: 201, headers: { location: `/api/v1/memories/${entry.id}` } })
  })

  const change = Effect.fnUntraced(function* (id: string, { pinned, quarantined }: typeof Memories.Patch.Type) {
    let entry: Memory.Entry | undefined
    if (pinned !== undefined) entry = yield* reading(memory.pin(id, pinned))
    if (quarantined !== undefined) entry = yield* reading(memory.quarantine(id, quarantined))
    return entry ?? (yield* reading(memory.get(id)))
  })

  const forget = Effect.fnUntraced(function* ({ onBehalfOf, users, ...filter }: Memories.ForgetBody) {
    const reach = yield* MemoryReach.of({ onBehalfOf, users })
    // Before the user is added to it, which would make a filter of one that names nothing.
    yield* Memory.Checking.forgotten(filter).pipe(Effect.mapError((error) => MemoryProblems.invalid(error)))
    const forgotten = yield* storing(memory.forget(MemoryReach.own(reach, filter)))
    yield* AuditLog.tell({ details: { count: String(forgotten.count) } })
    return forgotten
  })

  const list = Effect.fnUntraced(function* (query: Memories.ListQuery) {
    const { asOf, before, kind, origin, quarantined, since, subject, superseded } = query
    const filter = MemoryReach.seen(yield* MemoryReach.of(query), {
      scope: placeOf(query),
      ...(kind !== undefined && { kinds: [kind] }),
      ...(subject !== undefined && { subject }),
      ...(origin !== undefined && { origin }),
      ...(since !== undefined && { since }),
      ...(before !== undefined && { before })
    })
    const options = {
      ...filter,
      superseded: superseded === "true",
      quarantined: quarantined === "true",
      ...(asOf !== undefined && { asOf })
    }
    return yield* Page.read(query, ({ before: after, limit }) =>
      storing(memory.list({ ...options, limit, ...(after !== undefined && { after }) }))
    )
  })

  return { find, findOwn, remember, change, forget, list }
}

export const layer = HttpApiBuilder.group(
  Api,
  "memories",
  Effect.fnUntraced(function* (handlers) {
    const memory = yield* Memory.Memory
    const { change, find, findOwn, forget, list, remember } = make(memory)
    return handlers
      .handle("list", ({ query }) => list(query))
      .handleRaw("remember", ({ request }) => Effect.flatMap(readBody(request), remember))
      .handleRaw("search", ({ request }) =>
        Effect.gen(function* () {
          const body = yield* readSearch(request)
          const reach = yield* MemoryReach.of(body)
          return { items: yield* storing(memory.recall(queryOf(body, reach))) }
        })
      )
      .handleRaw("forget", ({ request }) => Effect.flatMap(readForget(request), forget))
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
          const reach = yield* MemoryReach.of(query)
          const scope = reach.isAll ? placeOf(query) : MemoryReach.scopeOf(reach, placeOf(query))
          // The stream runs after the handler has returned, outside its context.
          const lines = memory.export(scope).pipe(
            Stream.provideService(Tenant.Current, yield* Tenant.Current),
            Stream.filter(({ entry }) => MemoryReach.isOwn(reach, entry)),
            // Places in the export, which tell nothing of what others have.
            Stream.zipWithIndex,
            Stream.map(([exported, position]) => `${JSON.stringify({ ...exported, position })}\n`),
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
          const reach = yield* MemoryReach.of(query)
          const imported = yield* MemoryImport.run(memory, { request, reach, keyOf: keyOf(reach) })
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
      .handle("get", ({ params, query }) => Effect.flatMap(MemoryReach.of(query), (reach) => find(params.id, reach)))
      .handleRaw("change", ({ params, query, request }) =>
        Effect.gen(function* () {
          const patch = yield* readPatch(request)
          yield* findOwn(params.id, yield* MemoryReach.of(query))
          return yield* change(params.id, patch)
        })
      )
      .handle("remove", ({ params, query }) =>
        Effect.gen(function* () {
          const { id } = yield* findOwn(params.id, yield* MemoryReach.of(query))
          return yield* storing(memory.forget({ ids: [id] }))
        })
      )
      .handleRaw("explain", ({ params, request }) =>
        Effect.gen(function* () {
          const body = yield* readSearch(request)
          const reach = yield* MemoryReach.of(body)
          yield* find(params.id, reach)
          return yield* reading(memory.explain(queryOf(body, reach), params.id))
        })
      )
  })
)
