/** Servers whose database fails: their responses, their readiness, and recovery. */
import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { missing, sql, sqlOn, until, urlOf } from "./fake/Database.ts"
import { crew, start } from "./fake/Chain.ts"
import * as Server from "./fake/Server.ts"
import * as SmallDisk from "./fake/SmallDisk.ts"

const prefix = `crewline_dependencies_${process.pid}`
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const ready = ({ url }: Server.Running) => Server.request(`${url}/health/ready`)

describe.skipIf(missing !== undefined)("a database", { timeout: 90_000 }, () => {
  const name = `${prefix}_db`
  let server: Server.Running
  beforeAll(async () => {
    await sql(`create database ${name}`)
    server = await Server.start({ database: { kind: "server", url: Redacted.make(urlOf(name)) } })
  })
  afterAll(async () => {
    await server.stop()
    await sql(`drop database if exists ${name} with (force)`)
  })

  const cut = () => sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)

  it("that becomes read-only, as after a failover, makes the server not ready until it accepts writes again", async () => {
    expect(await ready(server)).toMatchObject({ status: 200, body: { parts: { database: "ok" } } })
    await sql(`alter database ${name} set default_transaction_read_only = on`)
    await cut()
    await until("not ready", async () => (await ready(server)).status === 503)
    const { body } = await ready(server)
    expect(body).toMatchObject({
      parts: { database: "failed", worker: "ok" },
      outages: [{ part: "database", detail: expect.stringContaining("read-only"), stillWorks: expect.any(String) }]
    })
    expect(Date.parse(body.outages[0].since)).toBeLessThanOrEqual(Date.now())
    const refused = await start(server)
    expect(refused).toMatchObject({ status: 503, body: { code: "unavailable" } })
    const crewRefused = await Server.request(`${server.url}/api/v1/crews`, { body: crew })
    expect(crewRefused).toMatchObject({ status: 503, body: { code: "unavailable" } })
    await sql(`alter database ${name} reset default_transaction_read_only`)
    await cut()
    await until("ready", async () => (await ready(server)).status === 200)
    expect((await start(server)).status).toBe(202)
  })

  it("without disk space makes the server not ready until space is available again", async (context) => {
    const disk = await SmallDisk.start()
    if (typeof disk === "string") return context.skip(`there is no small disk here: ${disk}`)
    let small: Server.Running | undefined
    try {
      small = await Server.start({ database: { kind: "server", url: Redacted.make(disk.url) } })
      expect((await start(small)).status).toBe(202)
      await sqlOn(disk.url, "create table ballast (filler text)")
      for (let rows = 4_096; rows >= 1; rows = Math.floor(rows / 2)) {
        for (let more = true; more;) {
          more = await sqlOn(
            disk.url,
            `insert into ballast select repeat(md5(n::text), 60) from generate_series(1, ${rows}) as n`
          ).then(
            () => true,
            () => false
          )
        }
      }
      const big = { ...crew, tasks: { ...crew.tasks, first: { ...crew.tasks.first, description: "x".repeat(60_000) } } }
      const { url } = small
      await until("refused", async () => {
        const { status } = await Server.request(`${url}/api/v1/executions`, { body: { crew: big } })
        expect([202, 503]).toContain(status)
        return status === 503
      })
      expect(await ready(small)).toMatchObject({
        status: 503,
        body: { outages: [{ part: "database", detail: "The database has no disk space left." }] }
      })
      await sqlOn(disk.url, "drop table ballast")
      await until("ready", async () => (await ready(small!)).status === 200)
      expect((await start(small)).status).toBe(202)
    } finally {
      await small?.stop()
      disk.stop()
    }
  })
})
