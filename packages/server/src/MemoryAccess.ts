/**
 * The memories that a user can access. A user can read its own memories and those that belong to no
 * user, and change only its own. A caller with access to all users can read and change all memories
 * of the tenant.
 */
import * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Memories from "./Api/Memories.ts"

export interface Reach {
  /** Absent: no particular user. */
  readonly user: string | undefined
  readonly isAll: boolean
}

export const all: Reach = { user: undefined, isAll: true }

/** The text is not worth remembering, or was erased. */
export class MemoryRefused extends Schema.TaggedError<MemoryRefused>()("MemoryRefused", {
  reason: Schema.Literals(["no-words", "status", "error", "recalled", "erased"])
}) {
  override get message() {
    return reasons[this.reason]
  }
}

const reasons = {
  "no-words": "The text has no words.",
  status: "The text only reports the status of work, which is not useful later.",
  error: "The text is an error message of a tool.",
  recalled: "The text repeats a memory that the execution recalled.",
  erased: "The memory with this key was erased on request."
} as const

/** The memory is visible to all users; only callers with access to all users can change it. */
export class MemoryShared extends Schema.TaggedError<MemoryShared>()("MemoryShared", { id: Schema.String }) {
  override get message() {
    return `The memory ${this.id} is shared by all users: only callers that may act for all users can change it.`
  }
}

const places = Memory.Visibility.parts.filter((part) => part !== "user")

/** The parts of a scope among other parameters. */
export const placeOf = ({
  agent,
  crew,
  execution,
  session
}: { readonly [P in Exclude<Memory.Part, "user">]?: string | undefined }): Memory.Scope => ({
  ...(crew !== undefined && { crew }),
  ...(agent !== undefined && { agent }),
  ...(session !== undefined && { session }),
  ...(execution !== undefined && { execution })
})

/** A scope of the user. */
const scopeOf = ({ user }: Reach, scope: Memory.Scope = {}): Memory.Scope => ({
  ...scope,
  ...(user !== undefined && { user })
})

/** The view from a scope; its absent parts are ignored. */
export const viewOf = (reach: Reach, scope: Memory.Scope = {}): Memory.View => ({
  scope: scopeOf(reach, scope),
  any: [...places.filter((part) => scope[part] === undefined), ...(reach.isAll ? (["user"] as const) : [])]
})

const seen = (reach: Reach, filter: Memory.Filter): Memory.Filter =>
  reach.isAll ? filter : { ...filter, seenFrom: viewOf(reach) }

const own = (reach: Reach, filter: Memory.Filter): Memory.Filter =>
  reach.isAll || reach.user === undefined ? seen(reach, filter) : { ...filter, scope: scopeOf(reach, filter.scope) }

const isOwn = (reach: Reach, { scope }: Memory.Entry): boolean => reach.isAll || scope.user === reach.user

/** Keys of different users never collide. */
const keyOf = ({ user = "" }: Reach, key: string): string => `user/${user}/${key}`

const queryOf = (
  reach: Reach,
  { onBehalfOf: _onBehalfOf, query: text, scope, users: _users, ...options }: Memories.SearchBody
): Memory.Query => ({ ...options, text, ...viewOf(reach, scope), readOnly: true })

/** Adds the user to the scope, unless the caller has access to all users. */
const ownOf = (reach: Reach, exported: Memory.Exported): Memory.Exported => {
  if (reach.isAll) return exported
  const { entry, key, ...rest } = exported
  const { user: _, ...scope } = entry.scope
  return {
    ...rest,
    entry: { ...entry, scope: scopeOf(reach, scope) },
    // An imported key of another user would prevent that user from storing a memory.
    ...(key?.startsWith(keyOf(reach, "")) === true && { key })
  }
}

export type Access = ReturnType<typeof make>

export const make = (memory: Memory.Memory["Service"]) => {
  const get = Effect.fnUntraced(function* (reach: Reach, id: string) {
    const entry = yield* memory.get(id)
    const isSeen = entry.scope.user === undefined || isOwn(reach, entry)
    return isSeen ? entry : yield* new Memory.UnknownMemory({ id })
  })
  const getOwn = Effect.fnUntraced(function* (reach: Reach, id: string) {
    const entry = yield* get(reach, id)
    return isOwn(reach, entry) ? entry : yield* new MemoryShared({ id })
  })
  return {
    get,
    list: (reach: Reach, { before, kind, origin, quarantined, since, subject, superseded, ...query }: Listing) =>
      memory.list({
        ...seen(reach, {
          scope: placeOf(query),
          ...(kind !== undefined && { kinds: [kind] }),
          ...(subject !== undefined && { subject }),
          ...(origin !== undefined && { origin }),
          ...(since !== undefined && { since }),
          ...(before !== undefined && { before })
        }),
        limit: query.limit,
        superseded: superseded === "true",
        quarantined: quarantined === "true",
        ...(query.asOf !== undefined && { asOf: query.asOf }),
        ...(query.after !== undefined && { after: query.after })
      }),
    /** The memory, and whether it is new. */
    remember: Effect.fnUntraced(function* (
      reach: Reach,
      {
        key,
        kind = "long-term",
        onBehalfOf: _onBehalfOf,
        origin = "user",
        scope,
        shared = false,
        ...given
      }: Memories.Body
    ) {
      const owner = shared ? all : reach
      const [receipt] = yield* memory.remember([
        {
          ...given,
          kind,
          origin,
          scope: scopeOf(owner, scope),
          ...(key !== undefined && { key: keyOf(owner, key) })
        }
      ])
      if (receipt === undefined || receipt._tag === "Refused")
        return yield* new MemoryRefused({ reason: receipt?.reason ?? "no-words" })
      const entry = yield* memory.get(receipt.id).pipe(
        // It was erased concurrently.
        Effect.catchTag("UnknownMemory", () => Effect.fail(new MemoryRefused({ reason: "erased" })))
      )
      return { entry, isNew: receipt._tag === "Stored" }
    }),
    search: (reach: Reach, body: Memories.SearchBody) => memory.recall(queryOf(reach, body)),
    explain: (reach: Reach, id: string, body: Memories.SearchBody) =>
      Effect.andThen(get(reach, id), memory.explain(queryOf(reach, body), id)),
    change: Effect.fnUntraced(function* (reach: Reach, id: string, { pinned, quarantined }: Memories.Patch) {
      let entry = yield* getOwn(reach, id)
      if (pinned !== undefined) entry = yield* memory.pin(id, pinned)
      if (quarantined !== undefined) entry = yield* memory.quarantine(id, quarantined)
      return entry
    }),
    remove: (reach: Reach, id: string) => Effect.andThen(getOwn(reach, id), memory.forget({ ids: [id] })),
    forget: (reach: Reach, { onBehalfOf: _onBehalfOf, users: _users, ...filter }: Memories.ForgetBody) =>
      // Checked before the user is added, because the user alone would make an empty filter valid.
      Effect.andThen(Memory.Checking.forgotten(filter), memory.forget(own(reach, filter))),
    export: (reach: Reach, place: Memory.Scope) =>
      memory.export(reach.isAll ? place : scopeOf(reach, place)).pipe(
        Stream.filter(({ entry }) => isOwn(reach, entry)),
        // Line numbers within the export, which disclose nothing about other users.
        Stream.zipWithIndex,
        Stream.map(([exported, position]): Memory.Exported => ({ ...exported, position }))
      ),
    import: (reach: Reach, exported: ReadonlyArray<Memory.Exported>) =>
      memory.import(exported.map((each) => ownOf(reach, each)))
  }
}

/** A page of a list. */
export interface Listing extends Omit<Memories.ListQuery, "limit" | "cursor" | "onBehalfOf" | "users"> {
  readonly limit: number
  /** Only memories after the one with this id. */
  readonly after?: string | undefined
}
