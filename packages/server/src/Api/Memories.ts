/** `/api/v1/memories`: what crews remember, for the people whose memories they are. */
import * as MemoryEntry from "@crewline/core/MemoryEntry"
import * as MemoryQuery from "@crewline/core/MemoryQuery"
import * as Name from "@crewline/core/Name"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "./Access.ts"
import * as Page from "./Page.ts"
import * as Problem from "./Problem.ts"
import * as Resource from "./Resource.ts"
import * as WholeNumber from "./WholeNumber.ts"

/** The parts of a scope that a caller names; the user is that of the credential. */
const parts = {
  crew: Schema.optionalKey(Name.Name),
  agent: Schema.optionalKey(Name.Name),
  session: Schema.optionalKey(Name.Name),
  execution: Schema.optionalKey(Name.Name)
}
const Scope = Schema.Struct(parts).annotate({
  identifier: "MemoryPlace",
  description: "Where memories belong, besides the user of the credential"
})

/** Whose memories are meant. */
const whose = {
  onBehalfOf: Access.onBehalfOf,
  users: Schema.optionalKey(Schema.Literal("all")).annotate({
    description: "`all`: those of every user; takes the scope users:act-for. If absent, only the caller's"
  })
}
/** Whose memories a request is about. */
export interface Whose {
  readonly onBehalfOf?: string
  readonly users?: "all"
}

const { key: _key, kind: _kind, scope: _scope, source: _source, ...given } = MemoryEntry.Remembered.fields

export const Body = Schema.Struct({
  ...given,
  kind: Schema.optionalKey(MemoryEntry.Kind.annotate({ description: "Default: long-term" })),
  scope: Schema.optionalKey(Scope),
  origin: Schema.optionalKey(MemoryEntry.Origin.annotate({ description: "Where the text comes from. Default: user" })),
  key: Schema.optionalKey(
    Name.Name.annotate({
      description: "What was remembered with a key is not stored again, even if it has been deleted since"
    })
  ),
  shared: Schema.optionalKey(Schema.Boolean).annotate({
    description: "True: for every user of the tenant; takes the scope users:act-for. Default: false"
  }),
  onBehalfOf: Access.onBehalfOf
}).annotate({
  identifier: "MemoryBody",
  description: "Something to remember",
  examples: [
    {
      text: "Ada eats fish since May 2026.",
      scope: { crew: "support" },
      subject: "ada/diet",
      origin: "user"
    }
  ]
})
export type Body = typeof Body.Type

const { any: _any, readOnly: _readOnly, scope: _queryScope, text: _text, ...query } = MemoryQuery.Query.fields

/** The most memories of one answer. */
export const maxFound = 100

export const SearchBody = Schema.Struct({
  query: Schema.String.annotate({ description: "What to look for" }),
  ...query,
  limit: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxFound })).annotate({ description: "Default: 5" })
  ),
  scope: Schema.optionalKey(
    Scope.annotate({
      description:
        "What a crew, an agent, a session or an execution sees of the caller's memories. Parts that are absent do not matter"
    })
  ),
  ...whose
}).annotate({
  identifier: "MemorySearch",
  description: "A query of memories",
  examples: [{ query: "What does Ada eat?", scope: { crew: "support" }, limit: 3 }]
})
export type SearchBody = typeof SearchBody.Type

const { scope: _filterScope, seenFrom: _seenFrom, ...filter } = MemoryQuery.Filter.fields

export const ForgetBody = Schema.Struct({ ...filter, scope: Schema.optionalKey(Scope), ...whose }).annotate({
  identifier: "MemoryForget",
  description: "Which memories to erase: all that is given must hold, and something must be given",
  examples: [{ subject: "ada/diet" }, { scope: { crew: "support" }, origin: "web" }]
})
export type ForgetBody = typeof ForgetBody.Type

const Forgotten = Schema.Struct({
  count: Schema.Int,
  executions: Schema.Array(Schema.String).annotate({
    description: "Executions whose events may still quote what was erased; DELETE /api/v1/executions/{id} deletes one"
  })
}).annotate({ identifier: "MemoriesForgotten", description: "What was erased" })

export const Patch = Schema.Struct({
  pinned: Schema.optionalKey(Schema.Boolean).annotate({ description: "True: retention does not touch it" }),
  quarantined: Schema.optionalKey(Schema.Boolean).annotate({
    description: "True: kept, and neither recalled nor listed unless asked for"
  })
})
  .check(
    Schema.makeFilter(
      ({ pinned, quarantined }) =>
        pinned !== undefined || quarantined !== undefined || "expected pinned or quarantined, or both"
    )
  )
  .annotate({ identifier: "MemoryPatch", description: "What to change of a memory", examples: [{ pinned: true }] })

export type Patch = typeof Patch.Type

/** Retention of all kinds. */
export const RetentionBody = Schema.Struct({ items: Schema.Array(MemoryEntry.Retention) }).annotate({
  identifier: "MemoryRetentions",
  description: "How long memories are kept; a kind that is not listed is kept for good",
  examples: [{ items: [{ kind: "short-term", maxAgeDays: 30 }] }]
})

/** How far an import has come. */
export const Imported = Schema.Struct({
  lines: Schema.Int.annotate({ description: "Lines of the body that were read" }),
  stored: Schema.Int,
  known: Schema.Int.annotate({ description: "Memories that existed already and stay unchanged" }),
  complete: Schema.Boolean.annotate({
    description:
      "False: the time limit was reached. Send the rest, after `lines`; sending everything again is safe, too"
  })
}).annotate({ identifier: "MemoriesImported", description: "What became of an import" })
export type Imported = typeof Imported.Type

const lines = "application/x-ndjson"
export const contentType = lines

const flag = (description: string) => Schema.optionalKey(Schema.Literals(["true", "false"])).annotate({ description })

/** What a list is asked for. */
const listQuery = {
  ...Page.query,
  ...parts,
  kind: Schema.optionalKey(MemoryEntry.Kind),
  subject: Schema.optionalKey(Schema.String),
  origin: Schema.optionalKey(MemoryEntry.Origin),
  since: Schema.optionalKey(MemoryEntry.Time).annotate({ description: "Stored at this time or later" }),
  before: Schema.optionalKey(MemoryEntry.Time).annotate({ description: "Stored before this time" }),
  asOf: Schema.optionalKey(MemoryEntry.Time).annotate({ description: "The memories as at this time. Default: now" }),
  superseded: flag("`true`: also those whose subject has another value since"),
  quarantined: flag("`true`: the hidden ones, and only those"),
  ...whose
}

const ListQuery = Schema.Struct(listQuery)
/** Parameters of the list. */
export type ListQuery = typeof ListQuery.Type

const seen = { ...parts, asOf: listQuery.asOf, ...whose }
const listed = (what: string, standard: number) =>
  Schema.optionalKey(
    WholeNumber.make({
      minimum: 1,
      maximum: 1_000,
      description: `Maximum number of ${what}, 1 to 1000. Default: ${standard}`
    })
  )

const id = { params: Resource.params, query: whose }

export class Memories extends HttpApiGroup.make("memories")
  .add(
    HttpApiEndpoint.get("list", "/", { query: listQuery, success: Page.Page(MemoryEntry.Entry) }).annotateMerge(
      OpenApi.annotations({
        summary: "List memories, newest first",
        description:
          "Those of the caller, and those that belong to no user. `crew`, `agent`, `session` and `execution` select those that belong there."
      })
    ),
    HttpApiEndpoint.post("remember", "/", {
      payload: Body,
      success: [
        HttpApiSchema.WithHeaders(MemoryEntry.Entry.pipe(HttpApiSchema.status(201)), { location: Schema.String }),
        MemoryEntry.Entry
      ],
      error: Problem.schemas(...Problem.ofBody, "memory-refused")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Remember something",
        description:
          "201: a new memory. 200: the same is remembered already, or was remembered with the same `key`. The memory belongs to the caller, unless it is " +
          "`shared`. With a `subject`, it takes the place of the memory that had the subject in the same scope before."
      })
    ),
    HttpApiEndpoint.post("search", "/search", {
      payload: SearchBody,
      success: Schema.Struct({ items: Schema.Array(MemoryQuery.Recalled) }),
      error: Problem.schemas(...Problem.ofBody)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Find memories that answer a query, best first",
        description:
          "Each has its score, the parts of the score and, in words, why it was found. Nothing is noted of a search."
      })
    ),
    HttpApiEndpoint.post("forget", "/forget", {
      payload: ForgetBody,
      success: Forgotten,
      error: Problem.schemas(...Problem.ofBody)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Erase memories for good",
        description:
          "With their terms, vectors, entities and relations. Of the caller's own memories, those that match everything that is given; `scope: {}` matches all. " +
          "With `users: all`, also those of other users and of no user."
      })
    ),
    HttpApiEndpoint.get("entities", "/entities", {
      query: { name: Schema.optionalKey(Schema.String), limit: listed("entities", 50), ...seen },
      success: Schema.Struct({ items: Schema.Array(MemoryEntry.Entity) })
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List the people, places and things that memories mention",
        description: "The most mentioned first; `name` is a name or an alias, in any case."
      })
    ),
    HttpApiEndpoint.get("relations", "/relations", {
      query: { entity: Schema.optionalKey(Schema.String), limit: listed("relations", 100), ...seen },
      success: Schema.Struct({ items: Schema.Array(MemoryEntry.KnownRelation) })
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List relations between entities",
        description: "Oldest first; `entity` is on either side."
      })
    ),
    HttpApiEndpoint.get("export", "/export", {
      query: { ...parts, ...whose },
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: lines }))
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Export memories",
        description:
          "A stream of JSON objects, one per line, oldest first, superseded and quarantined ones included. The caller's own; with `users=all`, all of the tenant."
      })
    ),
    HttpApiEndpoint.post("import", "/import", {
      query: whose,
      payload: Schema.String.pipe(HttpApiSchema.asText({ contentType: lines })),
      success: Imported,
      error: Problem.schemas(...Problem.ofBody)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Import an export",
        description:
          "The body is read as a stream and may have any size. Existing memories stay unchanged, so that an interrupted import can be sent again. Without " +
          "`users=all` everything becomes the caller's. An invalid line ends the import; those before it are stored."
      })
    ),
    HttpApiEndpoint.get("statistics", "/statistics", { success: MemoryQuery.Statistics }).annotateMerge(
      OpenApi.annotations({
        summary: "Count the memories of the tenant",
        description: "By kind, and the share of submitted texts that were rejected as not worth storing."
      })
    ),
    HttpApiEndpoint.get("retention", "/retention", { success: RetentionBody }).annotateMerge(
      OpenApi.annotations({
        summary: "Get how long memories are kept",
        description: "By kind; a kind that is not listed is kept for good."
      })
    ),
    HttpApiEndpoint.put("retain", "/retention", {
      payload: RetentionBody,
      success: RetentionBody,
      error: Problem.schemas(...Problem.ofBody)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Set how long memories are kept",
        description:
          "For all users, so that it takes the scope users:act-for. Expired memories are hidden at once and erased soon after; pinned memories stay."
      })
    ),
    HttpApiEndpoint.get("get", "/:id", {
      ...id,
      success: MemoryEntry.Entry,
      error: Problem.schemas("not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Get a memory",
        description: "Also one that is superseded or quarantined."
      })
    ),
    HttpApiEndpoint.patch("change", "/:id", {
      ...id,
      payload: Patch,
      success: MemoryEntry.Entry,
      error: Problem.schemas(...Problem.ofBody, "not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Pin or quarantine a memory",
        description:
          "Only the fields that are given change. The text of a memory does not: remember another one with its subject."
      })
    ),
    HttpApiEndpoint.delete("remove", "/:id", {
      ...id,
      success: Forgotten,
      error: Problem.schemas("not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Erase a memory for good",
        description: "Names the executions whose events may still quote it."
      })
    ),
    HttpApiEndpoint.post("explain", "/:id/explain", {
      params: Resource.params,
      payload: SearchBody,
      success: MemoryQuery.Explanation,
      error: Problem.schemas(...Problem.ofBody, "not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Explain how a memory ranks for a query",
        description:
          "Its rank, its score with all parts, and the terms that it has in common with the query; or why it is not found."
      })
    )
  )
  .prefix("/api/v1/memories")
  .annotateMerge(OpenApi.annotations({ title: "Memories", description: "What crews remember" })) {}
