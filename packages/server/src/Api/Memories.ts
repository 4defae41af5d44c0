/** `/api/v1/memories`: the memories of crews, for the users to whom they belong. */
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

/** The parts of a scope that a caller can set; the user is that of the credential. */
const parts = {
  crew: Schema.optionalKey(Name.Name),
  agent: Schema.optionalKey(Name.Name),
  session: Schema.optionalKey(Name.Name),
  execution: Schema.optionalKey(Name.Name)
}
const Scope = Schema.Struct(parts).annotate({
  identifier: "MemoryPlace",
  description: "The scope of memories, in addition to the user of the credential"
})

/** The users whose memories a request is about. */
const whose = {
  onBehalfOf: Access.onBehalfOf,
  users: Schema.optionalKey(Schema.Literal("all")).annotate({
    description:
      "`all`: the memories of every user, which requires the scope users:act-for. If absent: only those of the caller"
  })
}
/** The users whose memories a request is about. */
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
      description: "A memory with the same key is stored only once, even if it was deleted since"
    })
  ),
  shared: Schema.optionalKey(Schema.Boolean).annotate({
    description: "True: for every user of the tenant, which requires the scope users:act-for. Default: false"
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

/** The maximum number of memories in one response. */
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
        "Selects the memories of the caller that this crew, agent, session or execution can see. Absent parts do not restrict the search"
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
  description: "Which memories to erase: those that match every given field. At least one field is required",
  examples: [{ subject: "ada/diet" }, { scope: { crew: "support" }, origin: "web" }]
})
export type ForgetBody = typeof ForgetBody.Type

const Forgotten = Schema.Struct({
  count: Schema.Int,
  executions: Schema.Array(Schema.String).annotate({
    description:
      "Executions whose events may still quote the erased memories; DELETE /api/v1/executions/{id} deletes an execution"
  })
}).annotate({
  identifier: "MemoriesForgotten",
  description: "The number of erased memories, and the executions that may quote them"
})

export const Patch = Schema.Struct({
  pinned: Schema.optionalKey(Schema.Boolean).annotate({ description: "True: the memory is exempt from retention" }),
  quarantined: Schema.optionalKey(Schema.Boolean).annotate({
    description: "True: the memory is kept, but not recalled, and listed only on request"
  })
})
  .check(
    Schema.makeFilter(
      ({ pinned, quarantined }) =>
        pinned !== undefined || quarantined !== undefined || "expected pinned or quarantined, or both"
    )
  )
  .annotate({
    identifier: "MemoryPatch",
    description: "The fields of a memory to change",
    examples: [{ pinned: true }]
  })

export type Patch = typeof Patch.Type

/** Retention of all kinds. */
export const RetentionBody = Schema.Struct({ items: Schema.Array(MemoryEntry.Retention) }).annotate({
  identifier: "MemoryRetentions",
  description: "How long memories are kept; kinds that are not listed are kept indefinitely",
  examples: [{ items: [{ kind: "short-term", maxAgeDays: 30 }] }]
})

/** The progress of an import. */
export const Imported = Schema.Struct({
  lines: Schema.Int.annotate({ description: "Lines of the body that were read" }),
  stored: Schema.Int,
  known: Schema.Int.annotate({ description: "Memories that already existed and are unchanged" }),
  complete: Schema.Boolean.annotate({
    description: "False: the time limit was reached. Send the lines after `lines`; sending all lines again is also safe"
  })
}).annotate({ identifier: "MemoriesImported", description: "The result of an import" })
export type Imported = typeof Imported.Type

const lines = "application/x-ndjson"
export const contentType = lines

const flag = (description: string) => Schema.optionalKey(Schema.Literals(["true", "false"])).annotate({ description })

/** The parameters of the list. */
const listQuery = {
  ...Page.query,
  ...parts,
  kind: Schema.optionalKey(MemoryEntry.Kind),
  subject: Schema.optionalKey(Schema.String),
  origin: Schema.optionalKey(MemoryEntry.Origin),
  since: Schema.optionalKey(MemoryEntry.Time).annotate({ description: "Stored at this time or later" }),
  before: Schema.optionalKey(MemoryEntry.Time).annotate({ description: "Stored before this time" }),
  asOf: Schema.optionalKey(MemoryEntry.Time).annotate({
    description: "The memories as they were at this time. Default: now"
  }),
  superseded: flag("`true`: include memories whose subject has a newer value"),
  quarantined: flag("`true`: only quarantined memories"),
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
          "Lists the memories of the caller and those that belong to no user. `crew`, `agent`, `session` and `execution` restrict the list to memories of that scope."
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
          "201: the memory is new. 200: the same text, or a memory with the same `key`, was stored before. The memory belongs to the caller, unless it is " +
          "`shared`. With a `subject`, it supersedes the memory that has this subject in the same scope."
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
          "Each result has its score, the parts of the score, and a sentence that explains why it matches. A search does not change memories."
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
          "Erases memories of the caller that match every given field, with their terms, vectors, entities and relations; `scope: {}` matches all. " +
          "With `users: all`, also erases memories of other users and those that belong to no user."
      })
    ),
    HttpApiEndpoint.get("entities", "/entities", {
      query: { name: Schema.optionalKey(Schema.String), limit: listed("entities", 50), ...seen },
      success: Schema.Struct({ items: Schema.Array(MemoryEntry.Entity) })
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List the people, places and things that memories mention",
        description: "The most frequently mentioned first. `name` is a name or an alias; case does not matter."
      })
    ),
    HttpApiEndpoint.get("relations", "/relations", {
      query: { entity: Schema.optionalKey(Schema.String), limit: listed("relations", 100), ...seen },
      success: Schema.Struct({ items: Schema.Array(MemoryEntry.KnownRelation) })
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List relations between entities",
        description: "Oldest first. `entity` selects the relations that have this entity on either side."
      })
    ),
    HttpApiEndpoint.get("export", "/export", {
      query: { ...parts, ...whose },
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: lines }))
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Export memories",
        description:
          "Returns a stream of JSON objects, one per line, oldest first, including superseded and quarantined memories. Exports the memories of the caller or, with `users=all`, of the tenant."
      })
    ),
    HttpApiEndpoint.post("import", "/import", {
      query: whose,
      payload: Schema.String.pipe(HttpApiSchema.asText({ contentType: lines })),
      success: Imported,
      error: Problem.schemas(...Problem.ofBody)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Import exported memories",
        description:
          "The body is read as a stream and may have any size. Existing memories are not changed, so an interrupted import can be sent again. Without " +
          "`users=all`, all imported memories belong to the caller. An invalid line ends the import; the lines before it are stored."
      })
    ),
    HttpApiEndpoint.get("statistics", "/statistics", { success: MemoryQuery.Statistics }).annotateMerge(
      OpenApi.annotations({
        summary: "Count the memories of the tenant",
        description:
          "Returns the count by kind, and the share of submitted texts that were rejected as not worth storing. `embedder` names the embedder with which the tenant's memories are recalled by meaning; if it is absent, they are recalled by words only."
      })
    ),
    HttpApiEndpoint.get("retention", "/retention", { success: RetentionBody }).annotateMerge(
      OpenApi.annotations({
        summary: "Get how long memories are kept",
        description: "By kind; kinds that are not listed are kept indefinitely."
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
          "Applies to all users, and therefore requires the scope users:act-for. Expired memories are hidden immediately and erased soon after; pinned memories are kept."
      })
    ),
    HttpApiEndpoint.get("get", "/:id", {
      ...id,
      success: MemoryEntry.Entry,
      error: Problem.schemas("not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Get a memory",
        description: "Also returns a memory that is superseded or quarantined."
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
          "Changes only the given fields. The text of a memory cannot change: to replace it, store a new memory with the same subject."
      })
    ),
    HttpApiEndpoint.delete("remove", "/:id", {
      ...id,
      success: Forgotten,
      error: Problem.schemas("not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Erase a memory for good",
        description: "Returns the executions whose events may still quote it."
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
          "Returns its rank, its score with all parts, and the terms that it shares with the query; or the reason why it is not found."
      })
    )
  )
  .prefix("/api/v1/memories")
  .annotateMerge(OpenApi.annotations({ title: "Memories", description: "What crews remember" })) {}
