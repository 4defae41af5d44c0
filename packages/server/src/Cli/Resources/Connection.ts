/** Operations of commands on resources, wherever the resources are. */
import type * as Ask from "@crewline/core/Ask"
import type * as AskView from "@crewline/core/AskView"
import type * as Crewline from "@crewline/core/Crewline"
import type * as Memory from "@crewline/core/Memory"
import type * as CoreOutbox from "@crewline/core/Outbox"
import type { ToolError } from "@crewline/core/Toolbox"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as AuditApi from "../../Api/Audit.ts"
import type * as Api from "../../Api/Keys.ts"
import type * as MemoriesApi from "../../Api/Memories.ts"
import type * as SecretsApi from "../../Api/Secrets.ts"
import type * as ToolsApi from "../../Api/Tools.ts"
import type * as Failure from "../Failure.ts"

/** Asks and their answers. */
export interface Inbox {
  /** All that are open, oldest first. */
  readonly open: (executionId: string | undefined) => Effect.Effect<ReadonlyArray<AskView.View>, Failure.Failure>
  readonly answer: (id: string, answer: Ask.Answer) => Effect.Effect<AskView.View, Failure.Failure>
  readonly send: (executionId: string, message: Crewline.Message) => Effect.Effect<Crewline.Sent, Failure.Failure>
}

/** The audit log of a tenant. */
export interface Audit {
  /** At most so many entries, newest first. */
  readonly list: (
    limit: number,
    filters: AuditApi.Filters
  ) => Effect.Effect<ReadonlyArray<AuditApi.Entry>, Failure.Failure>
}

/** The outbox. */
export interface Outbox {
  /** All that are in this state, oldest first. */
  readonly list: (state: CoreOutbox.State | undefined) => Effect.Effect<ReadonlyArray<CoreOutbox.View>, Failure.Failure>
  /** Retries a dead letter. */
  readonly retry: (id: string) => Effect.Effect<CoreOutbox.View, Failure.Failure>
}

/** Selects memories by user and scope; the parameters of the HTTP API. */
export type MemoryFilter = Omit<MemoriesApi.ListQuery, "limit" | "cursor">

/** The scope and the user of memories. */
export type MemoryPlace = Pick<MemoryFilter, "crew" | "agent" | "session" | "execution" | "users" | "onBehalfOf">

/** Memories of a tenant. */
export interface Memories {
  /** At most this many, newest first. */
  readonly list: (limit: number, filter: MemoryFilter) => Effect.Effect<ReadonlyArray<Memory.Entry>, Failure.Failure>
  readonly search: (body: MemoriesApi.SearchBody) => Effect.Effect<ReadonlyArray<Memory.Recalled>, Failure.Failure>
  readonly remember: (body: MemoriesApi.Body) => Effect.Effect<Memory.Entry, Failure.Failure>
  readonly get: (id: string, whose: MemoriesApi.Whose) => Effect.Effect<Memory.Entry, Failure.Failure>
  readonly explain: (id: string, body: MemoriesApi.SearchBody) => Effect.Effect<Memory.Explanation, Failure.Failure>
  readonly change: (
    id: string,
    patch: MemoriesApi.Patch,
    whose: MemoriesApi.Whose
  ) => Effect.Effect<Memory.Entry, Failure.Failure>
  readonly forget: (body: MemoriesApi.ForgetBody) => Effect.Effect<Memory.Forgotten, Failure.Failure>
  readonly entities: (
    query: MemoryPlace & { readonly name?: string; readonly limit?: number }
  ) => Effect.Effect<ReadonlyArray<Memory.Entity>, Failure.Failure>
  /** Lines of JSON, without their ends. */
  readonly export: (place: MemoryPlace) => Stream.Stream<string, Failure.Failure>
  readonly import: (
    lines: ReadonlyArray<string>,
    whose: MemoriesApi.Whose
  ) => Effect.Effect<MemoriesApi.Imported, Failure.Failure>
  readonly statistics: Effect.Effect<Memory.Statistics, Failure.Failure>
  readonly retention: Effect.Effect<ReadonlyArray<Memory.Retention>, Failure.Failure>
  readonly retain: (items: ReadonlyArray<Memory.Retention>) => Effect.Effect<void, Failure.Failure>
}

/** Secrets of a tenant. */
export interface Secrets {
  /** Stores it, or replaces the one of its name. */
  readonly set: (
    body: SecretsApi.SecretBody,
    value: Redacted.Redacted
  ) => Effect.Effect<SecretsApi.Secret, Failure.Failure>
  /** Newest first. */
  readonly list: Effect.Effect<ReadonlyArray<SecretsApi.Secret>, Failure.Failure>
  readonly remove: (name: string) => Effect.Effect<void, Failure.Failure>
}

/** Tools of a tenant, or of this process. */
export interface Tools {
  readonly list: Effect.Effect<ReadonlyArray<ToolsApi.Tool>, Failure.Failure>
  /** The result of a call, or why there is none. */
  readonly test: (
    name: string,
    args: Schema.JsonObject
  ) => Effect.Effect<Result.Result<Schema.Json, ToolError>, Failure.Failure>
  readonly register: (registration: ToolsApi.Registration) => Effect.Effect<ToolsApi.Registered, Failure.Failure>
  readonly remove: (name: string) => Effect.Effect<void, Failure.Failure>
}

/** API keys of a tenant. */
export interface Keys {
  readonly create: (body: Api.KeyBody) => Effect.Effect<Api.NewKey, Failure.Failure>
  /** Newest first. */
  readonly list: Effect.Effect<ReadonlyArray<Api.Key>, Failure.Failure>
  readonly rotate: (id: string, overlap: string | undefined) => Effect.Effect<Api.NewKey, Failure.Failure>
  readonly revoke: (id: string) => Effect.Effect<void, Failure.Failure>
}
