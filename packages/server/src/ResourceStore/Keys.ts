/**
 * API keys. Only a hash of a key is stored; the key is returned once, when it is created, and
 * cannot be read again.
 *
 * - `list`, `get`, `create`, `rotate` and `revoke` are confined to `Tenant.Current`, each one
 *   statement.
 * - `standing`, `noteUse` and `isAnyStored` read and write keys of every tenant: the key determines
 *   its tenant.
 * - A key is never deleted: revoked keys stay visible, and a server that has had a key never
 *   becomes open again.
 */
import * as Tenant from "@crewline/core/Tenant"
import * as RowSecurity from "@crewline/memory-pg/RowSecurity"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Access from "../Api/Access.ts"
import * as Keys from "../Api/Keys.ts"
import * as Secret from "../Secret.ts"
import * as ResourceStore from "../ResourceStore.ts"

/** A key that is no longer valid cannot be rotated. */
export class KeyInactive extends Schema.TaggedError<KeyInactive>()("KeyInactive", {
  id: Schema.String,
  status: Schema.Literals(["expired", "revoked"])
}) {
  override get message() {
    return `The key ${this.id} ${this.status === "revoked" ? "was revoked" : "has expired"}: create a new one.`
  }
}

/** A created key, with its secret. */
export interface Made {
  readonly key: Redacted.Redacted
  readonly stored: Keys.Key
}

/** A key as of the time of the statement. */
export interface Standing {
  readonly id: string
  readonly tenant: string
  readonly name: string
  readonly role: Access.Role
  readonly scopes: ReadonlyArray<Access.Scope>
  readonly prefix: string
  readonly hash: string
  readonly isRevoked: boolean
  /** Milliseconds until it expires, by the clock of the database; absent: never. */
  readonly expiresInMillis?: number
}

export class KeyStore extends Context.Service<
  KeyStore,
  {
    readonly create: (body: Keys.KeyBody, by: string) => Effect.Effect<Made, ResourceStore.StoreError>
    readonly get: (id: string) => Effect.Effect<Keys.Key, ResourceStore.StoreError>
    readonly list: (
      options: Pick<ResourceStore.ListOptions, "limit" | "before">
    ) => Effect.Effect<ReadonlyArray<Keys.Key>, ResourceStore.StoreError>
    /** A new key like this one, which works until the overlap is over. */
    readonly rotate: (
      id: string,
      options: { readonly overlap?: string | undefined; readonly by: string }
    ) => Effect.Effect<Made, ResourceStore.StoreError | KeyInactive>
    /** A revoked key stays revoked. */
    readonly revoke: (id: string) => Effect.Effect<void, ResourceStore.StoreError>
    /** Of these prefixes, those that exist. */
    readonly standing: (prefixes: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Standing>, SqlError>
    /** Records the current time, unless the last minute already has a record. */
    readonly noteUse: (prefixes: ReadonlyArray<string>) => Effect.Effect<void, SqlError>
    /** Whether there was ever a key, of any tenant. */
    readonly isAnyStored: Effect.Effect<boolean, SqlError>
    /** Whether this process has created one. */
    readonly hasCreated: () => boolean
    /** How many times this process has revoked or rotated a key. */
    readonly changes: () => number
    /** True: no other process can create one. */
    readonly isEmbedded: boolean
  }
>()("@crewline/server/ResourceStore/Keys") {}

interface Row {
  readonly id: string
  readonly tenant: string
  readonly name: string
  readonly role: Access.Role
  readonly scopes: string | null
  readonly prefix: string
  readonly created_by: string
  readonly created_at: string
  readonly expires_at: string | null
  readonly used_at: string | null
  readonly revoked_at: string | null
  readonly is_expired: boolean
}

interface StandingRow extends Pick<Row, "id" | "tenant" | "name" | "role" | "scopes" | "prefix"> {
  readonly hash: string
  readonly is_revoked: boolean
  readonly left_millis: number | null
}

// Written below alone, from a body that was parsed at the edge. A scope that this version does not
// know any more is none.
const scopesIn = ({ role, scopes }: Pick<Row, "role" | "scopes">): ReadonlyArray<Access.Scope> => {
  const ofRole = Access.scopesOf(role)
  if (scopes === null) return ofRole
  const named: ReadonlyArray<string> = JSON.parse(scopes)
  return ofRole.filter((scope) => named.includes(scope))
}

const shown = (row: Row): Keys.Key => ({
  id: row.id,
  prefix: row.prefix,
  tenant: row.tenant,
  name: row.name,
  role: row.role,
  scopes: scopesIn(row),
  status: row.revoked_at !== null ? "revoked" : row.is_expired ? "expired" : "active",
  createdAt: row.created_at,
  createdBy: row.created_by,
  ...(row.expires_at !== null && { expiresAt: row.expires_at }),
  ...(row.used_at !== null && { lastUsedAt: row.used_at }),
  ...(row.revoked_at !== null && { revokedAt: row.revoked_at })
})

const moment = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${column}`

const columns =
  `id, tenant, name, role, scopes, prefix, created_by, ${["created_at", "expires_at", "used_at", "revoked_at"].map(moment).join(", ")}, ` +
  "coalesce(expires_at <= now(), false) as is_expired"

const newId = () => `key_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}`

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const shownColumns = sql.literal(columns)
  let hasCreated = false
  let changes = 0

  const storage =
    (operation: string) =>
    <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, ResourceStore.StoreError> =>
      Effect.mapError(effect, (error) => ResourceStore.storageFailed(`KeyStore.${operation}`, error))

  const unknown = (operation: string, id: string) =>
    new ResourceStore.StoreError({
      operation: `KeyStore.${operation}`,
      reason: new ResourceStore.UnknownResource({ id })
    })

  const create: KeyStore["Service"]["create"] = Effect.fn("KeyStore.create")(function* (body, by) {
    const tenant = yield* Tenant.Current
    const { key, prefix } = Secret.makeKey()
    const scopes = body.scopes === undefined ? null : JSON.stringify(body.scopes)
    const lifetime = body.expires === undefined ? null : Keys.seconds(body.expires)
    const rows = yield* sql<Row>`
      insert into crewline_key (tenant, id, name, role, scopes, prefix, hash, created_by, lifetime_seconds, expires_at)
      values (${RowSecurity.named(sql, tenant)}, ${newId()}, ${body.name}, ${body.role}, ${scopes}, ${prefix},
        ${Secret.hash(key)}, ${by}, ${lifetime}::bigint, now() + ${lifetime}::bigint * interval '1 second')
      returning ${shownColumns}`.pipe(storage("create"))
    hasCreated = true
    return { key, stored: shown(rows[0]!) }
  })

  const get: KeyStore["Service"]["get"] = Effect.fn("KeyStore.get")(function* (id) {
    const tenant = yield* Tenant.Current
    const [row] = yield* sql<Row>`
      select ${shownColumns} from crewline_key where ${RowSecurity.rowsOf(sql, tenant)} and id = ${id}`.pipe(
      storage("get")
    )
    return row === undefined ? yield* unknown("get", id) : shown(row)
  })

  const list: KeyStore["Service"]["list"] = Effect.fn("KeyStore.list")(function* ({ before, limit }) {
    const tenant = yield* Tenant.Current
    const conditions = [RowSecurity.rowsOf(sql, tenant), sql`tenant collate "C" = ${tenant}`]
    if (before !== undefined) conditions.push(sql`id collate "POSIX" < ${before}`)
    const rows = yield* sql<Row>`
      select ${shownColumns} from crewline_key where ${sql.and(conditions)}
      order by id collate "POSIX" desc limit ${limit}`.pipe(storage("list"))
    return rows.map(shown)
  })

  const rotate: KeyStore["Service"]["rotate"] = Effect.fn("KeyStore.rotate")(function* (id, { by, overlap }) {
    const tenant = yield* Tenant.Current
    const { key, prefix } = Secret.makeKey()
    const overlapSeconds = Keys.seconds(overlap ?? Keys.defaultOverlap)
    // Both or neither.
    const rows = yield* sql<Row>`
      with old as (
        update crewline_key
        set expires_at = least(expires_at, now() + ${overlapSeconds}::bigint * interval '1 second')
        where ${RowSecurity.rowsOf(sql, tenant)} and id = ${id} and revoked_at is null and (expires_at is null or expires_at > now())
        returning name, role, scopes, lifetime_seconds
      )
      insert into crewline_key (tenant, id, name, role, scopes, prefix, hash, created_by, lifetime_seconds, expires_at)
      select ${tenant}, ${newId()}, name, role, scopes, ${prefix}, ${Secret.hash(key)}, ${by}, lifetime_seconds,
        now() + lifetime_seconds * interval '1 second'
      from old
      returning ${shownColumns}`.pipe(storage("rotate"))
    changes++
    if (rows[0] !== undefined) return { key, stored: shown(rows[0]) }
    const { status } = yield* get(id)
    return yield* new KeyInactive({ id, status: status === "revoked" ? "revoked" : "expired" })
  })

  const revoke: KeyStore["Service"]["revoke"] = Effect.fn("KeyStore.revoke")(function* (id) {
    const tenant = yield* Tenant.Current
    const rows = yield* sql`
      update crewline_key set revoked_at = coalesce(revoked_at, now())
      where ${RowSecurity.rowsOf(sql, tenant)} and id = ${id} returning id`.pipe(storage("revoke"))
    changes++
    if (rows.length === 0) return yield* unknown("revoke", id)
  })

  const standing: KeyStore["Service"]["standing"] = (prefixes) =>
    Effect.map(sql<StandingRow>`select * from crewline_standing_keys(${prefixes.join(",")})`, (rows) =>
      rows.map(({ is_revoked: isRevoked, left_millis: expiresInMillis, scopes, ...row }) => ({
        ...row,
        scopes: scopesIn({ role: row.role, scopes }),
        isRevoked,
        ...(expiresInMillis !== null && { expiresInMillis })
      }))
    )

  return KeyStore.of({
    create,
    get,
    list,
    rotate,
    revoke,
    standing,
    noteUse: (prefixes) => Effect.asVoid(sql`select crewline_note_keys(${prefixes.join(",")})`),
    isAnyStored: Effect.map(
      sql<{ readonly found: boolean }>`select crewline_has_keys() as found`,
      ([row]) => row!.found
    ),
    hasCreated: () => hasCreated,
    changes: () => changes,
    isEmbedded: sql.driver === "pglite"
  })
})

export const layer: Layer.Layer<KeyStore, never, SqlClient.SqlClient> = Layer.effect(KeyStore, make)
