/**
 * A real PostgreSQL server with a certificate of a private authority: the server that each URL
 * connects to, whether the connection is encrypted, and which URLs are refused. It runs during
 * these tests, in a temporary directory.
 */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync, appendFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as Postgres from "../src/Postgres.ts"

const versions = "/usr/lib/postgresql"
const binaries = (existsSync(versions) ? readdirSync(versions) : [])
  .toSorted((one, other) => Number(other) - Number(one))
  .map((version) => join(versions, version, "bin"))
  .find((folder) => existsSync(join(folder, "initdb")))

/** PostgreSQL does not run as root; then the user of its packages runs it. */
const asRoot = userInfo().uid === 0
const inOwnName = (program: string, args: ReadonlyArray<string>): [string, Array<string>] =>
  asRoot
    ? ["setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", program, ...args]]
    : [program, [...args]]

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  return typeof address === "object" && address !== null ? address.port : 0
}

describe.skipIf(binaries === undefined || !existsSync("/usr/bin/openssl"))(
  "a server with a certificate of a private authority",
  () => {
    let folder = ""
    let port = 0
    let server: ReturnType<typeof spawn> | undefined
    const file = (name: string) => join(folder, name)

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "crewline-tls-"))
      if (asRoot) execFileSync("chown", ["postgres:postgres", folder])
      const run = (program: string, ...args: ReadonlyArray<string>) => {
        const [command, all] = inOwnName(program, args)
        execFileSync(command, all, { stdio: "pipe", cwd: folder })
      }
      run(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=Test authority",
        "-keyout",
        file("ca.key"),
        "-out",
        file("ca.crt")
      )
      run(
        "openssl",
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-keyout",
        file("server.key"),
        "-out",
        file("server.csr")
      )
      writeFileSync(file("names"), "subjectAltName=DNS:localhost\n")
      run(
        "openssl",
        "x509",
        "-req",
        "-in",
        file("server.csr"),
        "-CA",
        file("ca.crt"),
        "-CAkey",
        file("ca.key"),
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        file("names"),
        "-out",
        file("server.crt")
      )
      run(join(binaries!, "initdb"), "-D", file("data"), "-A", "trust", "-U", "postgres", "--no-sync")
      port = await freePort()
      appendFileSync(
        file("data/postgresql.conf"),
        `port=${port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='${folder}'\nssl=on\nssl_cert_file='${file("server.crt")}'\nssl_key_file='${file("server.key")}'\nfsync=off\n`
      )
      const [command, args] = inOwnName(join(binaries!, "postgres"), ["-D", file("data")])
      server = spawn(command, args, { stdio: "ignore", cwd: folder })
      for (let tries = 0; tries < 100; tries++) {
        const outcome = await connect("", "127.0.0.1")
        if (outcome === "plain") return
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      throw new Error("The server did not start.")
    }, 60_000)

    afterAll(async () => {
      if (server !== undefined) {
        const ended = once(server, "exit")
        server.kill("SIGINT")
        await ended
      }
      if (folder !== "") rmSync(folder, { recursive: true, force: true })
    })

    /**
     * Whether the connection of a URL is encrypted, as seen by the server; otherwise the reason why
     * it failed.
     */
    const connect = (query: string, host = "localhost", maxConnections = 2): Promise<string> =>
      Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql<{ ssl: boolean }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`
      ).pipe(
        Effect.map(([row]) => (row?.ssl === true ? "encrypted" : "plain")),
        Effect.provide(
          Postgres.layer({
            url: Redacted.make(`postgres://postgres@${host}:${port}/postgres?${query}`),
            maxConnections
          })
        ),
        Effect.catch((error) => Effect.succeed(`refused: ${String(error.cause)} ${error.message}`)),
        Effect.runPromise
      )

    it.each([
      "sslmode=require",
      "sslmode=prefer",
      "sslmode=allow",
      "sslmode=no-verify",
      "ssl=true",
      "ssl=1",
      "requiressl=1"
    ])("%s encrypts without a check", async (query) => assert.strictEqual(await connect(query), "encrypted"))

    it.each(["", "sslmode=disable", "ssl=false"])("%s is plain", async (query) =>
      assert.strictEqual(await connect(query), "plain")
    )

    it("verify-ca and verify-full check the certificate against sslrootcert, the latter also the name", async () => {
      const root = `sslrootcert=${encodeURIComponent(file("ca.crt"))}`
      assert.strictEqual(await connect(`sslmode=verify-ca&${root}`), "encrypted")
      assert.strictEqual(await connect(`sslmode=verify-ca&${root}`, "127.0.0.1"), "encrypted")
      assert.strictEqual(await connect(`sslmode=verify-full&${root}`), "encrypted")
      assert.match(await connect(`sslmode=verify-full&${root}`, "127.0.0.1"), /^refused/)
      assert.match(await connect("sslmode=verify-ca"), /^refused/)
      // A different authority.
      const other = `sslrootcert=${encodeURIComponent(file("server.crt"))}`
      assert.match(await connect(`sslmode=verify-full&${other}`), /^refused/)
    })

    it("a local socket is not encrypted, and the second of two hosts is used if the first is down", async () => {
      assert.strictEqual(await connect(`host=${encodeURIComponent(folder)}&port=${port}&sslmode=prefer`, ""), "plain")
      const closed = await freePort()
      assert.strictEqual(await connect("", `127.0.0.1:${closed},127.0.0.1`), "plain")
      assert.strictEqual(await connect("sslmode=require", `127.0.0.1:${closed},localhost`), "encrypted")
      const root = `sslrootcert=${encodeURIComponent(file("ca.crt"))}`
      assert.strictEqual(await connect(`sslmode=verify-full&${root}`, `127.0.0.1:${closed},localhost`), "encrypted")
    })
  }
)
