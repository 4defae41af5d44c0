/**
 * Records who did what to which resource, from where, with what result: one entry per operation, in
 * the tenant of its caller. The database enforces that the table is append-only; entries older than
 * `CREWLINE_AUDIT_RETENTION` are deleted.
 *
 * - `record` returns when the entry is stored; `note` stores it within a fraction of a second, many
 *   in one statement: a process that is killed loses those of that moment. While the storage does
 *   not answer, entries wait, and the operations that they are about do not.
 * - `refused` counts: however often a caller is refused, it is two entries in a minute, and callers
 *   are many only up to a limit.
 * - No entry contains a secret: texts are short, and anything that looks like a secret is redacted.
 */
import * as Redact from "@crewline/core/Redact"
import * as Tenant from "@crewline/core/Tenant"
import * as RowSecurity from "@crewline/memory-pg/RowSecurity"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Record from "effect/Record"
import * as Schedule from "effect/Schedule"
import * as SqlClient from "effect/sql/SqlClient"
import type * as Access from "./Api/Access.ts"
import type * as Api from "./Api/Audit.ts"
import type { Credential } from "./Api/Me.ts"
import * as Refusals from "./AuditLog/Refusals.ts"
import * as Writer from "./AuditLog/Writer.ts"
import type { Principal } from "./Principal.ts"
import * as ResourceStore from "./ResourceStore.ts"
import * as Retention from "./Retention.ts"

/** Further details of an operation: short texts. */
export type Details = { readonly [name: string]: string }

/** The actor, as far as it is known. */
export interface Actor {
  readonly tenant: string
  readonly actor?: string
  readonly role?: Access.Role
  readonly credential?: Credential
  readonly keyId?: string
  readonly onBehalfOf?: string
  readonly address?: string
}

/** Something that happened. */
export interface Entry extends Actor {
  readonly operation: string
  readonly resource?: string
  readonly status: number
  readonly code?: string
  readonly details?: Details
  /** How many times it happened; default once. */
  readonly times?: number
}

/** For requests with an unknown credential: the tenant of the operators. */
const ofNobody = Tenant.defaultTenant

/** The caller in the log; undefined: unknown. */
export const actorOf = (
  principal: Pick<Principal, "tenant" | "name" | "role" | "credential" | "key"> | undefined
): Actor =>
  principal === undefined
    ? { tenant: ofNobody }
    : {
        tenant: principal.tenant,
        actor: principal.name,
        role: principal.role,
        credential: principal.credential,
        ...(principal.key !== undefined && { keyId: principal.key.id })
      }

/** Details that parts of the server add to an operation while it runs. */
export interface Draft {
  principal?: Parameters<typeof actorOf>[0]
  onBehalfOf?: string
  details?: Details
}

/** The current operation; undefined: none that is audited. */
export const Draft: Context.Reference<Draft | undefined> = Context.Reference<Draft | undefined>(
  "@crewline/server/AuditLog/Draft",
  { defaultValue: () => undefined }
)

/** Adds details to the entry of the current operation. */
export const tell = (more: Draft): Effect.Effect<void> =>
  Effect.map(Draft, (draft) => {
    if (draft === undefined) return
    const details = { ...draft.details, ...more.details }
    Object.assign(draft, more, Record.isEmptyRecord(details) ? {} : { details })
  })

export class AuditLog extends Context.Service<
  AuditLog,
  {
    /** Returns when it is stored, or queued until the storage responds. */
    readonly record: (entry: Entry) => Effect.Effect<void>
    /** Has it stored soon. */
    readonly note: (entry: Entry) => Effect.Effect<void>
    /** Has it stored soon, alone or as one of many. */
    readonly refused: (entry: Entry) => Effect.Effect<void>
    /** Entries of the current tenant, newest first. */
    readonly list: (
      options: Api.Filters & Pick<ResourceStore.ListOptions, "limit" | "before">
    ) => Effect.Effect<ReadonlyArray<Api.Entry>, ResourceStore.StoreError>
    /** Deletes older entries of all tenants; returns their number. */
    readonly prune: (age: Duration.Duration) => Effect.Effect<number, ResourceStore.StoreError>
  }
>()("@crewline/server/AuditLog") {}

interface Row {
  readonly id: string
  readonly at: string
  readonly operation: string
  readonly resource: string | null
  readonly actor: string | null
  readonly role: Access.Role | null
  readonly credential: Credential | null
  readonly key_id: string | null
  readonly on_behalf_of: string | null
  readonly address: string | null
  readonly status: number
  readonly code: string | null
  readonly details: string | null
  readonly times: number
}

const shown = ({ details, key_id: keyId, on_behalf_of: onBehalfOf, ...row }: Row): Api.Entry => ({
  ...(Record.filter({ ...row, keyId, onBehalfOf }, (value) => value !== null) as Omit<Api.Entry, "details">),
  // Written below alone.
  ...(details !== null && { details: JSON.parse(details) })
})

/** Sanitizes a text for storage, because callers choose some texts. */
const clean = (text: string): string =>
  ResourceStore.shorten(Redact.redact(text.slice(0, 2_000).replaceAll("\u0000", "").toWellFormed()))

const written = ({ details, times = 1, ...entry }: Entry) => ({
  id: `audit_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}`,
  ...Object.fromEntries(
    Object.entries(entry).map(([name, value]) => [name, typeof value === "string" ? clean(value) : value])
  ),
  ...(details !== undefined && { details: JSON.stringify(Record.map(details, clean)) }),
  times
})

/** The number of entries that one statement checks for deletion. */
const pruned = 1_000

/**
 * The expressions of each index (Migrations/Sql/bounded.sql): the expressions of a statement
 * determine its index. Other filters skip entries while the index is read.
 */
const indexes = {
  listing: { tenant: "greatest(tenant, '')", at: "crewline_audit.at", id: 'id collate "POSIX"' },
  resource: { tenant: 'tenant collate "POSIX"', at: "greatest(at, '-infinity')", id: "greatest(id, '')" },
  actor: { tenant: 'tenant collate "C"', at: "least(at, 'infinity')", id: "least(id, id)" }
} as const

const columns =
  `id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, operation, resource, actor, role, credential, key_id, ` +
  "on_behalf_of, address, status, code, details, times"

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const writer = yield* Writer.make((entries) =>
    Effect.asVoid(sql`select crewline_write_audit(${JSON.stringify(entries)})`)
  )
  const note = (entry: Entry) => writer.add(written(entry))
  const refusals = yield* Refusals.make<Entry>(note)
  const selected = sql.literal(columns)

  const list: AuditLog["Service"]["list"] = Effect.fn("AuditLog.list")(function* ({ before, limit, ...filters }) {
    const { actor, operation, outcome, resource, since, until } = filters
    const tenant = yield* Tenant.Current
    const index = resource !== undefined ? indexes.resource : actor !== undefined ? indexes.actor : indexes.listing
    const at = sql.literal(index.at)
    const id = sql.literal(index.id)
    const conditions = [RowSecurity.rowsOf(sql, tenant), sql`${sql.literal(index.tenant)} = ${tenant}`]
    if (before !== undefined) {
      // Entries older than a deleted entry were deleted, too.
      const atBefore = sql`(select at from crewline_audit where tenant = ${tenant} and id = ${before})`
      conditions.push(sql`(${at}, ${id}) < (${atBefore}, ${before})`)
    }
    if (operation !== undefined) conditions.push(sql`operation = ${operation}`)
    if (actor !== undefined) conditions.push(sql`actor = ${actor}`)
    if (resource !== undefined) conditions.push(sql`resource = ${resource}`)
    if (since !== undefined) conditions.push(sql`${at} >= ${since}::timestamptz`)
    if (until !== undefined) conditions.push(sql`${at} < ${until}::timestamptz`)
    if (outcome !== undefined) conditions.push(outcome === "done" ? sql`status < 400` : sql`status >= 400`)
    const rows = yield* sql<Row>`
      select ${selected} from crewline_audit where ${sql.and(conditions)}
      order by ${at} desc, ${id} desc limit ${limit}`.pipe(
      Effect.mapError((error) => ResourceStore.storageFailed("AuditLog.list", error))
    )
    return rows.map(shown)
  })

  const prune: AuditLog["Service"]["prune"] = Effect.fn("AuditLog.prune")(function* (age) {
    let all = 0
    for (;;) {
      const [row] = yield* sql<{ readonly deleted: number }>`
        select crewline_prune_audit(${Duration.toSeconds(age)}::float8, ${pruned}::int) as deleted`.pipe(
        Effect.mapError((error) => ResourceStore.storageFailed("AuditLog.prune", error))
      )
      all += row!.deleted
      if (row!.deleted < pruned) return all
    }
  })

  return AuditLog.of({
    record: (entry) => Effect.andThen(note(entry), writer.flush),
    note,
    refused: refusals,
    list,
    prune
  })
})

export const layer: Layer.Layer<AuditLog, never, SqlClient.SqlClient> = Layer.effect(AuditLog, make)

const pruneInterval = "1 minute"

/** Deletes older entries for as long as the layer lives; `undefined`: nothing is deleted. */
export const layerRetention = (age: Duration.Duration | undefined): Layer.Layer<never, never, AuditLog> =>
  age === undefined
    ? Layer.empty
    : Layer.effectDiscard(
        Effect.flatMap(AuditLog, (log) =>
          log.prune(age).pipe(
            Effect.catchCause((cause) => Effect.logWarning("Failed to delete old audit entries; will retry", cause)),
            Effect.repeat(Schedule.spaced(pruneInterval)),
            Effect.forkScoped
          )
        )
      )

/** `CREWLINE_AUDIT_RETENTION`, a duration such as `400 days`; without it everything is kept. */
export const config: Config.Config<Duration.Duration | undefined> = Retention.age("CREWLINE_AUDIT_RETENTION")
