/**
 * Secrets of stored resources: sealed, in two columns beside the body, and opened for use. Secrets
 * under another master key than the current one are resealed when they are opened, and by `rotate`.
 */
import * as Tenant from "@crewline/core/Tenant"
import * as RowSecurity from "@crewline/memory-pg/RowSecurity"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Extra, Options as StoreOptions, Stored } from "../ResourceStore.ts"
import * as MasterKeys from "./MasterKeys.ts"

export interface Options<Body> {
  readonly table: StoreOptions<Body, unknown>["table"]
  /** The columns of the seal and of the id of its master key. */
  readonly columns: readonly [ciphertext: string, masterKey: string]
  /** The binding of a secret. */
  readonly bindingOf: (tenant: string, id: string, body: Body) => string
  /** As in `The stored key of the provider "acme"`. */
  readonly describe: (name: string) => string
  /** Those of every tenant that are under another master key. */
  readonly others: (masterKey: string) => Effect.Effect<ReadonlyArray<Row>, SqlError>
}

/** A resource whose secret is under another master key. */
export interface Row {
  readonly tenant: string
  readonly id: string
  readonly name: string
  readonly body: string
  readonly ciphertext: string
  readonly master: string
}

export const make = Effect.fnUntraced(function* <Body>(options: Options<Body>) {
  const { bindingOf, columns, describe, others, table } = options
  const [ciphertextColumn, masterColumn] = columns
  const sql = yield* SqlClient.SqlClient
  const keys = yield* MasterKeys.MasterKeys

  const sealedIn = (extra: Extra): MasterKeys.Sealed | undefined => {
    const { [ciphertextColumn]: ciphertext, [masterColumn]: masterKey } = extra
    return ciphertext == null || masterKey == null ? undefined : { ciphertext, masterKey }
  }

  const columnsOf = (sealed: MasterKeys.Sealed | undefined): Extra => ({
    [ciphertextColumn]: sealed?.ciphertext ?? null,
    [masterColumn]: sealed?.masterKey ?? null
  })

  /**
   * Reseals the secret under the current master key, unless it was replaced meanwhile. The secret
   * is unchanged, so there is no new version.
   */
  const reseal = Effect.fnUntraced(function* (
    { body, id, tenant }: { readonly tenant: string; readonly id: string; readonly body: Body },
    sealed: MasterKeys.Sealed,
    secret: Redacted.Redacted
  ) {
    const seal = yield* keys.sealer
    yield* sql`
      update ${sql(table)} set ${sql.update(columnsOf(seal(secret, bindingOf(tenant, id, body))))}
      where ${RowSecurity.rowsOf(sql, tenant)} and id = ${id} and ${sql(ciphertextColumn)} = ${sealed.ciphertext}`
  })

  /**
   * The column values for this secret of a resource of the current tenant, by its id; without a
   * secret: none.
   */
  const sealing = (secret: Redacted.Redacted | null, body: Body) =>
    secret === null
      ? Effect.succeed(() => columnsOf(undefined))
      : Effect.zipWith(
          Tenant.Current,
          keys.sealer,
          (tenant, seal) =>
            (id: string): Extra =>
              columnsOf(seal(secret, bindingOf(tenant, id, body)))
        )

  /** The secret of a resource; `undefined` where it has none. */
  const open = Effect.fnUntraced(function* ({ body, extra, id }: Stored<Body>) {
    const sealed = sealedIn(extra)
    if (sealed === undefined) return undefined
    const tenant = yield* Tenant.Current
    const secret = yield* keys.open(sealed, bindingOf(tenant, id, body))
    // The secret is known: its use must not fail because it could not be re-encrypted.
    if (keys.current !== undefined && sealed.masterKey !== keys.current)
      yield* Effect.ignore(reseal({ tenant, id, body }, sealed, secret))
    return secret
  })

  /**
   * The rows of every tenant: a master key belongs to the server. Returns how many were resealed.
   */
  const rotate: Effect.Effect<number, SqlError> = Effect.gen(function* () {
    let count = 0
    for (const { body: text, ciphertext, id, master: masterKey, name, tenant } of yield* others(keys.current ?? "")) {
      const sealed = { ciphertext, masterKey }
      // Written by the store alone, from a body that was parsed at the edge.
      const body: Body = JSON.parse(text)
      yield* keys.open(sealed, bindingOf(tenant, id, body)).pipe(
        Effect.flatMap((secret) => reseal({ tenant, id, body }, sealed, secret)),
        Effect.tap(() => Effect.sync(() => count++)),
        // Where there is no current key, what opens under a previous one stays as it is.
        Effect.catchTag("MasterKeyMissing", () => Effect.void),
        Effect.catchTag(["UnknownMasterKey", "BrokenSeal"], (error) =>
          Effect.logWarning(`${describe(name)} cannot be used. ${error.message}`)
        )
      )
    }
    return count
  })

  return { sealedIn, sealing, open, rotate }
})
