/** Resources in the configured database, where no server runs. */
import * as Crewline from "@crewline/core/Crewline"
import type * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as CoreOutbox from "@crewline/core/Outbox"
import * as Tenant from "@crewline/core/Tenant"
import * as Database from "@crewline/memory-pg/Database"
import * as PgMemory from "@crewline/memory-pg/PgMemory"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"

import * as Pglite from "@crewline/memory-pg/Pglite"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Api from "../../Api/Keys.ts"
import type * as SecretsApi from "../../Api/Secrets.ts"
import * as AuditLog from "../../AuditLog.ts"
import * as Migrations from "../../Migrations.ts"
import * as Queue from "../../Queue.ts"
import * as ResourceStore from "../../ResourceStore.ts"
import * as KeyStore from "../../ResourceStore/Keys.ts"
import * as MasterKeys from "../../ResourceStore/MasterKeys.ts"
import * as ProviderStore from "../../ResourceStore/Providers.ts"
import * as SecretStore from "../../ResourceStore/Secrets.ts"
import * as Environment from "../Environment.ts"
import * as Failure from "../Failure.ts"
import * as Person from "../Person.ts"
import * as Settings from "../Settings.ts"
import * as DirectMemories from "./DirectMemories.ts"
import type { Audit, Inbox, Keys, Outbox, Secrets } from "./Connection.ts"

const pageSize = 200

const notOpened = (error: Error): Failure.Failure =>
  "_tag" in error && error._tag === "DirectoryInUse"
    ? Failure.failed(`${error.message} If that process serves the HTTP API, set CREWLINE_URL to its address.`)
    : Failure.because(error)

/** The configured database, which must exist. */
const existing = Effect.fnUntraced(function* (data: Option.Option<string>) {
  const database = yield* Settings.database(data)
  if (database.kind === "embedded" && !Pglite.exists(database.directory)) {
    return yield* Failure.failed(
      `No server is running, and there is no database in ${database.directory}: set the directory with --data, or a server with CREWLINE_URL.`
    )
  }
  return database
})

/** All items of a list that is read page after page. */
const all = Effect.fnUntraced(function* <A extends { readonly id: string }, E extends Error>(
  page: (options: { readonly limit: number; readonly after?: string }) => Effect.Effect<ReadonlyArray<A>, E>
) {
  const found: Array<A> = []
  for (;;) {
    const after = found.at(-1)?.id
    const items = yield* page({ limit: pageSize, ...(after !== undefined && { after }) })
    for (const item of items) found.push(item)
    if (items.length < pageSize) return found
  }
})

/** Asks, in the present scope. */
export const inbox = Effect.fnUntraced(function* (data: Option.Option<string>) {
  const database = yield* existing(data)
  // Workers elsewhere learn of answers through the shared queue.
  const queue = yield* Settings.queue(database)
  const broadcast = Queue.broadcast(queue)
  const log = PgEventLog.layerWith({ listens: false })
  const services = yield* Layer.build(
    Crewline.Inbox.layer.pipe(
      Layer.provide([broadcast === undefined ? log : Layer.provide(log, broadcast), Queue.layer(queue)]),
      Layer.provide(Database.layer(database))
    )
  ).pipe(Effect.mapError(notOpened))
  const inbox = Context.get(services, Crewline.Inbox)

  const asks: Inbox = {
    open: (executionId) =>
      all((page) => inbox.asks({ ...page, state: "open", ...(executionId !== undefined && { executionId }) })).pipe(
        Effect.mapError(Failure.because)
      ),
    answer: (id, answer) =>
      inbox
        .answer(id, answer, { by: Person.here() })
        .pipe(
          Effect.mapError((error) =>
            error._tag === "InvalidAnswer" ? Failure.invalid(error.message) : Failure.because(error)
          )
        ),
    send: (executionId, message) =>
      inbox.send(executionId, message, { by: Person.here() }).pipe(
        Effect.mapError((error) => {
          if (error._tag === "EventLogError") return Failure.because(error)
          return error.code === "invalid-message" ? Failure.invalid(error.message) : Failure.failed(error.message)
        })
      )
  }
  // A shared database may have servers and workers anywhere, which are notified of the answer.
  return { inbox: asks, isServed: database.kind === "server" }
})

/** The outbox, in the current scope. */
export const outbox = Effect.fnUntraced(function* (data: Option.Option<string>) {
  const database = yield* existing(data)
  const services = yield* Layer.build(
    PgEventLog.layerWith({ listens: false }).pipe(Layer.provide(Database.layer(database)))
  ).pipe(Effect.mapError(notOpened))
  const stored = Context.get(services, CoreOutbox.Outbox)
  const outbox: Outbox = {
    list: (state) =>
      all((page) => stored.list({ ...page, ...(state !== undefined && { state }) })).pipe(
        Effect.mapError(Failure.because)
      ),
    retry: (id) =>
      Effect.flatMap(Effect.mapError(stored.retry(id), Failure.because), (row) =>
        row === undefined ? Effect.fail(Failure.failed(`There is no outbox row ${id}.`)) : Effect.succeed(row)
      )
  }
  return { outbox, isServed: database.kind === "server" }
})

/** Without an embedder, models of providers need not be loaded. */
const memoryOf = Effect.fnUntraced(function* (embedder: Embedder.Embedder["Service"] | undefined) {
  if (embedder === undefined) return PgMemory.layer
  const TenantEmbedder = yield* Effect.promise(() => import("../../TenantEmbedder.ts"))
  return Layer.provide(TenantEmbedder.memoryLayer(embedder), ProviderStore.layer)
})

/**
 * The resources of a tenant in the database, in the current scope. The database is created if it
 * does not exist, because the first key may be created before the first server runs.
 */
const opened = Effect.fnUntraced(function* (
  data: Option.Option<string>,
  tenant = Tenant.defaultTenant,
  embedder?: Embedder.Embedder["Service"]
) {
  const database = { ...(yield* Settings.database(data)), vectors: embedder !== undefined }
  const services = yield* Layer.build(
    Layer.mergeAll(KeyStore.layer, AuditLog.layer, SecretStore.layer, yield* memoryOf(embedder)).pipe(
      Layer.provide(MasterKeys.layer(yield* Settings.masterKeys)),
      Layer.provide(Migrations.layer),
      Layer.provide(Database.layer(database))
    )
  ).pipe(Effect.mapError(notOpened))
  const log = Context.get(services, AuditLog.AuditLog)
  const actor = { tenant, actor: Person.here().name, role: "admin", credential: "local" } as const

  const told = <A, E extends Error>(effect: Effect.Effect<A, E>) =>
    Effect.mapError(Effect.provideService(effect, Tenant.Current, tenant), (error: Error) =>
      Failure.failed(error instanceof ResourceStore.StoreError ? error.reason.message : error.message)
    )
  /** Performs an operation, and audits it. */
  const recording = <A, E extends Error>(
    effect: Effect.Effect<A, E>,
    entryOf: (result: A) => Pick<AuditLog.Entry, "operation" | "resource" | "status" | "details">
  ) => Effect.tap(told(effect), (result) => log.record({ ...actor, ...entryOf(result) }))
  return { services, log, by: actor.actor, told, recording }
})

/** The audit log, in the present scope. */
export const audit = Effect.fnUntraced(function* (data: Option.Option<string>, tenant?: string) {
  const { log, told } = yield* opened(data, tenant)
  const connection: Audit = { list: (limit, filters) => told(log.list({ ...filters, limit, before: undefined })) }
  return connection
})

/** Secrets, in the present scope. */
export const secrets = Effect.fnUntraced(function* (data: Option.Option<string>, tenant?: string) {
  const { recording, services, told } = yield* opened(data, tenant)
  const store = Context.get(services, SecretStore.SecretStore)
  const shown = ({ body, createdAt, id, updatedAt, version }: SecretStore.Stored) => ({
    id,
    version,
    createdAt,
    updatedAt,
    ...body
  })

  const connection: Secrets = {
    set: Effect.fnUntraced(function* (body, value) {
      const known = yield* told(store.find(body.name))
      const [operation, status] = known === undefined ? ["secrets.create", 201] : ["secrets.replace", 200]
      const change = known === undefined ? store.create(body, value) : store.replace(known.id, body, { value })
      const details = { name: body.name }
      return shown(yield* recording(change, ({ id }) => ({ operation, resource: id, status, details })))
    }),
    list: Effect.gen(function* () {
      const found: Array<SecretsApi.Secret> = []
      for (;;) {
        const page = yield* told(store.list({ limit: pageSize, before: found.at(-1)?.id }))
        for (const { summary: body, ...heading } of page) found.push(shown({ ...heading, body, size: 0 }))
        if (page.length < pageSize) return found
      }
    }),
    remove: Effect.fnUntraced(function* (name) {
      const known = yield* told(store.find(name))
      if (known === undefined) return yield* Failure.failed(`There is no secret ${name}.`)
      const { id: resource } = known
      yield* recording(store.remove(resource), () => ({ operation: "secrets.remove", resource, status: 204 }))
    })
  }
  return connection
})

/**
 * Memories, in the present scope. The caller is no particular user, and can access all memories.
 */
export const memories = Effect.fnUntraced(function* (data: Option.Option<string>, tenant = Tenant.defaultTenant) {
  const { recording, services } = yield* opened(data, tenant, yield* Environment.embedder())
  return DirectMemories.make(Context.get(services, Memory.Memory), { tenant, recording })
})

/** API keys, in the present scope. */
export const keys = Effect.fnUntraced(function* (data: Option.Option<string>, tenant?: string) {
  const { by, recording, services, told } = yield* opened(data, tenant)
  const store = Context.get(services, KeyStore.KeyStore)
  const shown = ({ key, stored }: KeyStore.Made) => ({ ...stored, key: Redacted.value(key) })

  const connection: Keys = {
    create: (body) =>
      Effect.map(
        recording(store.create(body, by), ({ stored: { id } }) => ({
          operation: "keys.create",
          resource: id,
          status: 201,
          details: { name: body.name, role: body.role }
        })),
        shown
      ),
    list: Effect.gen(function* () {
      const found: Array<Api.Key> = []
      for (;;) {
        const page = yield* told(store.list({ limit: pageSize, before: found.at(-1)?.id }))
        for (const key of page) found.push(key)
        if (page.length < pageSize) return found
      }
    }),
    rotate: (id, overlap) =>
      Effect.map(
        recording(store.rotate(id, { overlap, by }), ({ stored }) => ({
          operation: "keys.rotate",
          resource: id,
          status: 201,
          details: { made: stored.id }
        })),
        shown
      ),
    revoke: (id) => recording(store.revoke(id), () => ({ operation: "keys.revoke", resource: id, status: 204 }))
  }
  return connection
})
