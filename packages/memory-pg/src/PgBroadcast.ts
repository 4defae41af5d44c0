/**
 * Messages between processes on one PostgreSQL server, by LISTEN and NOTIFY; a listener uses one
 * connection of its pool.
 *
 * Appends do not contain NOTIFY: all notifying transactions of a database commit one after the
 * other, which would serialize appends. Any user that can connect to the database can listen:
 * messages are not confined to a tenant.
 */
import * as Broadcast from "@crewline/core/Broadcast"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"

const channel = "crewline"
/** PostgreSQL refuses 8,000 bytes and more. */
const maxBytes = 7_999
const reconnectMillis = 1_000

/** Over a client of a server. */
export const make = (sql: PgClient.PgClient): Broadcast.Broadcast["Service"] => ({
  maxBytes,
  send: (texts) =>
    sql`select pg_notify(${channel}, value) from json_array_elements_text(${JSON.stringify(texts)}::text::json)`.pipe(
      Effect.catchCause((cause) =>
        Effect.logDebug("Failed to notify other processes of new events; they will poll instead", cause)
      ),
      Effect.asVoid
    ),
  // Polls, because a listener would occupy the only connection, or listen in a session that a
  // pooler has since assigned to other clients.
  listen: ({ opened, received }) =>
    ("maxConnections" in sql.config && sql.config.maxConnections === 1) || sql.config.prepare === false
      ? Effect.never
      : listening(sql, { opened, received })
})

const listening = (
  sql: PgClient.PgClient,
  { opened, received }: Parameters<Broadcast.Broadcast["Service"]["listen"]>[0]
): Effect.Effect<never> =>
  Effect.scoped(
    Effect.gen(function* () {
      const notifications = yield* sql.listen(channel)
      yield* opened
      while (true) yield* received((yield* Queue.take(notifications)).payload)
    })
  ).pipe(
    Effect.catchCause((cause) =>
      Effect.logDebug("Lost the connection that listens for new events; reconnecting", cause)
    ),
    Effect.andThen(Effect.sleep(reconnectMillis)),
    Effect.forever
  )

export const layer: Layer.Layer<Broadcast.Broadcast, never, PgClient.PgClient> = Layer.effect(
  Broadcast.Broadcast,
  Effect.map(PgClient.PgClient, make)
)
