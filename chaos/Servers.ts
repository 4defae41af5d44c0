/** What the workers share: a database of its own on the PostgreSQL server, and a Redis of its own that may be restarted and emptied. */
import * as Postgres from "@crewline/memory-pg/Postgres"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"

const serverUrl = process.env["TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres"

const query = (sql: string) =>
  Effect.flatMap(SqlClient.SqlClient, (client) => client.unsafe(sql)).pipe(
    Effect.provide(
      Postgres.layer({ url: Redacted.make(serverUrl), maxConnections: 1, applicationName: "crewline-chaos" })
    )
  )

/** The URL of an empty database, dropped with the scope. */
export const database: Effect.Effect<string, unknown, Scope.Scope> = Effect.gen(function* () {
  const name = `crewline_chaos_${process.pid}_${Date.now().toString(36)}`
  yield* Effect.acquireRelease(query(`create database ${name}`), () =>
    Effect.ignore(query(`drop database if exists ${name} with (force)`))
  )
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
})

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() =>
        address === null || typeof address === "string" ? reject(new Error("no port")) : resolve(address.port)
      )
    })
  })

export interface Redis {
  readonly url: string
  readonly cli: (...args: ReadonlyArray<string>) => Promise<string>
  /** Ends it at once and starts it again: it knows what its append-only file has. */
  readonly restart: () => Promise<void>
}

/** Writes what changes to a file, once a second: a restart may lose the last second. */
export const redis: Effect.Effect<Redis, unknown, Scope.Scope> = Effect.gen(function* () {
  const port = yield* Effect.promise(freePort)
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "crewline-chaos-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const cli: Redis["cli"] = async (...args) =>
    (await promisify(execFile)("redis-cli", ["-p", String(port), ...args])).stdout.trim()
  let child: ChildProcess | undefined
  const start = async () => {
    const settings = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""]
    child = spawn("redis-server", [...settings, "--appendonly", "yes", "--appendfsync", "everysec"], {
      stdio: "ignore"
    })
    for (let tries = 0; tries < 500; tries++) {
      if ((await cli("ping").catch(String)) === "PONG") return
      await sleep(20)
    }
    throw new Error("redis-server does not answer")
  }
  const stop = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child?.once("close", resolve))
    child.kill("SIGKILL")
    await gone
  }
  yield* Effect.acquireRelease(Effect.tryPromise(start), () => Effect.promise(stop))
  return {
    url: `redis://127.0.0.1:${port}`,
    cli,
    restart: async () => {
      await stop()
      await start()
    }
  }
})
