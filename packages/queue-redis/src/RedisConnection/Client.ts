/**
 * Clients of ioredis for every kind of address. Nothing connects before it is told to, or has a
 * command to send. A command whose connection was lost is sent again a few times, then fails:
 * nobody waits for a Redis that does not come back.
 */
import * as Guarded from "@crewline/core/Guarded"
import * as Effect from "effect/Effect"
import { Cluster, Redis, type RedisOptions } from "ioredis"
import type { Address } from "./Address.ts"

export type Client = Redis | Cluster

export interface Options {
  readonly name: string
  readonly connectTimeoutMillis: number
  readonly tls: RedisOptions["tls"]
  /** The connections do not keep the process alive: for `unref`. */
  readonly unref: boolean
}

/** How often a command is sent again when the connection was lost under it. */
const maxRetries = 3

/**
 * A failover behind one address keeps the connections to what was the primary: as a replica it
 * refuses every write, for ever. Only a new connection leads to the new primary.
 */
const isDemoted = (error: Error): boolean => /^(READONLY|LOADING|MASTERDOWN)|read-?only replica/i.test(error.message)

/** For ioredis: connect anew, then send the command again. */
const reconnectAndResend = 2

const common = (address: Address, options: Options) => ({
  connectionName: options.name,
  reconnectOnError: (error: Error) => (isDemoted(error) ? reconnectAndResend : false),
  connectTimeout: options.connectTimeoutMillis,
  maxRetriesPerRequest: maxRetries,
  ...(address.username !== undefined && { username: address.username }),
  ...(address.password !== undefined && { password: address.password }),
  ...(address.isSecure && { tls: options.tls ?? {} })
})

const cluster = (address: Extract<Address, { readonly kind: "cluster" }>, options: Options): Cluster => {
  const client = new Cluster([...address.nodes], {
    lazyConnect: true,
    slotsRefreshTimeout: options.connectTimeoutMillis,
    redisOptions: common(address, options),
    // Certificates of managed clusters name hosts, not addresses.
    ...(address.isSecure && { dnsLookup: (host, callback) => callback(null, host) }),
    clusterRetryStrategy: (times) => {
      // Unlike a single connection, a cluster would keep what waits for ever.
      if (times > maxRetries) client["flushQueue"](new Error("The cluster does not respond."))
      return Math.min(100 * times, 2_000)
    }
  })
  return client
}

const sentinel = (address: Extract<Address, { readonly kind: "sentinel" }>, options: Options): Redis => {
  let wasReady = false
  const client = new Redis({
    ...common(address, options),
    lazyConnect: true,
    db: address.database,
    sentinels: [...address.sentinels],
    name: address.name,
    ...(address.sentinelUsername !== undefined && { sentinelUsername: address.sentinelUsername }),
    ...(address.sentinelPassword !== undefined && { sentinelPassword: address.sentinelPassword }),
    ...(address.isSecure && { enableTLSForSentinelMode: true, sentinelTLS: options.tls ?? {} }),
    // Its connections to the sentinels cannot be released. Without it, a failover is noticed when
    // the sentinels close the old master's connections, or when the old master refuses a write.
    failoverDetector: !options.unref,
    // A first try fails at once, with what was wrong; a lost master is waited for.
    sentinelRetryStrategy: (times) => (wasReady ? Math.min(100 * times, 2_000) : null)
  })
  client.once("ready", () => {
    wasReady = true
  })
  return client
}

/** A client of this address. */
export const make = (address: Address, options: Options): Client => {
  switch (address.kind) {
    case "cluster":
      return cluster(address, options)
    case "sentinel":
      return sentinel(address, options)
    case "single":
      return new Redis({ ...common(address, options), ...address.at, db: address.database, lazyConnect: true })
  }
}

/** Another client like this one. `once`: when its connection is lost, it stays so. */
export const another = (client: Client, options: { readonly once: boolean }): Client => {
  if (client instanceof Cluster) {
    return client.duplicate(undefined, {
      lazyConnect: true,
      ...(options.once && { clusterRetryStrategy: () => null })
    })
  }
  return client.duplicate(options.once ? { retryStrategy: () => null } : {})
}

/**
 * A connection to subscribe with; when it is lost, it stays so. In a cluster it is one to any node:
 * the client for a whole cluster does not tell when it has lost its own. Undefined: no node is
 * known now.
 */
export const subscriber = (client: Client): Redis | undefined => {
  const nodes = client instanceof Cluster ? client.nodes() : [client]
  return nodes[Math.floor(Math.random() * nodes.length)]?.duplicate({ lazyConnect: true, retryStrategy: () => null })
}

/**
 * Neither the connections of this client, made with `unref`, keep the process alive, nor its
 * timers; what is being connected or sent does, and the search for a sentinel that answers.
 */
export const unref = (client: Client, guarded: Guarded.Guarded): void => {
  const listen = (event: string, handle: (node: Redis) => void) =>
    client.on(event, guarded("Releasing the process", handle))
  if (client instanceof Cluster) {
    listen("reconnecting", () => client["reconnectTimeout"]?.unref())
    for (const node of client.nodes()) unref(node, guarded)
    listen("+node", (node) => unref(node, guarded))
  } else {
    listen("reconnecting", () => client["reconnectTimeout"]?.unref())
    listen("connect", () => void client.stream.unref())
  }
}

/** The connections that a script must be loaded on: a cluster runs it wherever its keys are. */
export const masters = (client: Client): ReadonlyArray<Client> =>
  client instanceof Cluster ? client.nodes("master") : [client]

/** What the first node of a cluster that gives any reason says against being connected to. */
export const complaint = (address: Address, options: Options): Effect.Effect<unknown> =>
  Effect.gen(function* () {
    const guarded = yield* Guarded.make
    for (const at of address.kind === "cluster" ? address.nodes : []) {
      const error = yield* Effect.callback<unknown>((resume) => {
        const node = new Redis({ ...common(address, options), ...at, retryStrategy: null })
        const told = guarded("Querying a Redis node", (error?: unknown) => {
          resume(Effect.succeed(error))
          node.disconnect()
        })
        node.on("error", told)
        node.once(
          "ready",
          guarded("Querying a Redis node", () => told())
        )
        return Effect.sync(() => node.disconnect())
      })
      if (error !== undefined) return error
    }
    return undefined
  })
