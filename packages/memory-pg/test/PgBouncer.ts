/**
 * A real PgBouncer in front of the test server, in transaction mode: each transaction gets
 * whichever of a few sessions is free.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as PostgresServer from "./PostgresServer.ts"

const binary = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"].find((path) =>
  existsSync(path)
)

/** Why there is none, or undefined. */
export const missing: string | undefined =
  PostgresServer.missing ??
  (binary === undefined
    ? "no PgBouncer on this machine (apt-get install pgbouncer)"
    : PostgresServer.serverUrl.password !== ""
      ? "the test server wants a password, which this PgBouncer does not know"
      : undefined)

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  return typeof address === "object" && address !== null ? address.port : 0
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve(true)
    })
    socket.on("error", () => resolve(false))
  })

const start = async (users: ReadonlyArray<string>) => {
  const folder = mkdtempSync(join(tmpdir(), "crewline-pgbouncer-"))
  const port = await freePort()
  writeFileSync(join(folder, "users"), users.map((user) => `"${user}" ""\n`).join(""))
  writeFileSync(
    join(folder, "pgbouncer.ini"),
    `[databases]
* = host=${PostgresServer.serverUrl.hostname} port=${PostgresServer.serverUrl.port || 5432}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${join(folder, "users")}
pool_mode = transaction
default_pool_size = 3
`
  )
  // PgBouncer does not run as root.
  const asNobody = userInfo().uid === 0 ? { uid: 65_534, gid: 65_534 } : {}
  chmodSync(folder, 0o755)
  const child = spawn(binary!, ["-q", join(folder, "pgbouncer.ini")], { stdio: "ignore", ...asNobody })
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended with ${child.exitCode}.`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const stop = async () => {
    const ended = once(child, "exit")
    child.kill("SIGKILL")
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  return { port, stop }
}

/** The URL of a database through a PgBouncer of this scope, as this user. */
export const through = (database: URL, user: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => start([user])),
      ({ stop }) => Effect.promise(stop)
    ),
    ({ port }) => {
      const url = new URL(database)
      url.hostname = "127.0.0.1"
      url.port = String(port)
      url.username = user
      url.password = ""
      // A busy machine starts sessions slowly.
      url.searchParams.set("connect_timeout", "60")
      return url
    }
  )
