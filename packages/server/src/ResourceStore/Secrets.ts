/**
 * Stored secrets of tools, encrypted as keys of providers are, each bound to its tenant and its id.
 * A value is read for tools alone (`ToolSecrets`), by name, from the database each time, so that a
 * change applies from the next call on.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { SecretBody } from "../Api/Secrets.ts"
import * as ResourceStore from "../ResourceStore.ts"
import type * as MasterKeys from "./MasterKeys.ts"
import * as Sealing from "./Sealing.ts"

export type Stored = ResourceStore.Stored<SecretBody>

type Store = ResourceStore.ResourceStore<SecretBody, SecretBody>

export class SecretStore extends Context.Service<
  SecretStore,
  Pick<Store, "find" | "get" | "list" | "remove"> & {
    readonly create: (
      body: SecretBody,
      value: Redacted.Redacted
    ) => Effect.Effect<Stored, ResourceStore.StoreError | MasterKeys.MasterKeyMissing>
    /** `value` absent: the stored one stays. */
    readonly replace: (
      id: string,
      body: SecretBody,
      options: { readonly expected?: number | undefined; readonly value?: Redacted.Redacted | undefined }
    ) => Effect.Effect<Stored, ResourceStore.StoreError | MasterKeys.MasterKeyMissing>
    /** The value of the secret with this name; `undefined` where there is none. */
    readonly valueOf: (
      name: string
    ) => Effect.Effect<
      Redacted.Redacted | undefined,
      ResourceStore.StoreError | MasterKeys.UnknownMasterKey | MasterKeys.BrokenSeal
    >
  }
>()("@crewline/server/ResourceStore/Secrets") {}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = ["sealed", "sealed_master"] as const
  const store = yield* ResourceStore.make<SecretBody, SecretBody>({
    name: "SecretStore",
    table: "crewline_secret",
    prefix: "secret",
    nameOf: (secret) => secret.name,
    summarize: (secret) => secret,
    extra: columns
  })
  const sealing = yield* Sealing.make<SecretBody>({
    table: "crewline_secret",
    columns,
    bindingOf: (tenant, id) => JSON.stringify(["secret", tenant, id]),
    describe: (name) => `The secret "${name}"`,
    others: (masterKey) => sql<Sealing.Row>`select * from crewline_sealed_secrets(${masterKey})`
  })
  const rotated = yield* sealing.rotate
  if (rotated > 0) yield* Effect.logInfo(`Re-encrypted ${rotated} secrets with the current master key`)

  return SecretStore.of({
    find: store.find,
    get: store.get,
    list: store.list,
    remove: store.remove,
    create: Effect.fnUntraced(function* (body, value) {
      return yield* store.create(body, yield* sealing.sealing(value, body))
    }),
    replace: Effect.fnUntraced(function* (id, body, { expected, value }) {
      const extra = value === undefined ? undefined : (yield* sealing.sealing(value, body))(id)
      return yield* store.replace(id, body, expected, extra)
    }),
    valueOf: Effect.fnUntraced(function* (name) {
      const stored = yield* store.find(name)
      return stored === undefined ? undefined : yield* sealing.open(stored)
    })
  })
})

/** Re-encrypts values under a previous master key when it is built. */
export const layer: Layer.Layer<SecretStore, SqlError, SqlClient.SqlClient | MasterKeys.MasterKeys> = Layer.effect(
  SecretStore,
  make
)
