/**
 * A PostgreSQL server whose databases are on a small disk. It is separate because no checkpoint of
 * a server with a full disk succeeds, and dropping a database of another test needs one.
 */
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Database from "./Database.ts"

export interface SmallDisk {
  /** The address of its only database. */
  readonly url: string
  readonly stop: () => void
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** PostgreSQL refuses to run as root. */
const asPostgres = (command: string, ...args: ReadonlyArray<string>) =>
  execFileSync("runuser", ["-u", "postgres", "--", command, ...args], { stdio: "ignore" })

/**
 * Starts one with 24 MiB, or returns why that is impossible: mounting requires root, and the
 * server's programs must be installed.
 */
export const start = async (): Promise<SmallDisk | string> => {
  const folder = mkdtempSync(join(tmpdir(), "crewline-small-disk-"))
  const [data, disk] = [join(folder, "data"), join(folder, "disk")]
  const ends: Array<() => void> = [() => rmSync(folder, { recursive: true, force: true })]
  const stop = () => {
    for (const end of ends.toReversed()) end()
  }
  try {
    const [programs] = await Database.sql("select setting from pg_config where name = 'BINDIR'")
    const bin = String((programs as { readonly setting: string }).setting)
    mkdirSync(disk)
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], { stdio: "ignore" })
    ends.push(() => execFileSync("umount", [disk]))
    execFileSync("chown", ["postgres", folder, disk])
    asPostgres(join(bin, "initdb"), "--pgdata", data, "--username", "postgres", "--auth", "trust", "--no-sync")
    const port = await freePort()
    const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off`
    const log = join(folder, "log")
    asPostgres(join(bin, "pg_ctl"), "start", "--wait", "--pgdata", data, "--log", log, "--options", settings)
    ends.push(() => asPostgres(join(bin, "pg_ctl"), "stop", "--wait", "--mode", "immediate", "--pgdata", data))
    const server = `postgres://postgres@127.0.0.1:${port}`
    await Database.sqlOn(`${server}/postgres`, `create tablespace small location '${disk}'`)
    await Database.sqlOn(`${server}/postgres`, "create database small tablespace small")
    return { url: `${server}/small`, stop }
  } catch (error) {
    stop()
    return String(error)
  }
}
