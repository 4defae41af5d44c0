/**
 * The servers that the workers share: a separate database on the PostgreSQL server, and a separate
 * Redis that may be restarted and emptied.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import * as RedisProcess from "../packages/queue-redis/test/RedisProcess.ts"

/** The URL of an empty database, dropped with the scope. */
export const database = Effect.map(PostgresServer.emptyDatabase, ({ href }) => href)

export interface Redis extends Pick<RedisProcess.RedisProcess, "cli"> {
  readonly url: string
  /** Kills it and starts it again with the data in its append-only file. */
  readonly restart: () => Promise<void>
}

/** Writes changes to a file once a second: a restart may lose the last second. */
export const redis: Effect.Effect<Redis, never, Scope.Scope> = Effect.map(
  RedisProcess.make({ config: ["appendonly yes", "appendfsync everysec"] }),
  ({ cli, kill, port, start }) => ({ url: `redis://127.0.0.1:${port}`, cli, restart: () => kill().then(start) })
)
