/** Clients that disconnect before they are answered. */
import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Database from "../fake/Database.ts"
import * as Server from "../fake/Server.ts"

const name = `crewline_hang_up_${process.pid}`
if (Database.missing !== undefined) console.warn(`Skipped: ${Database.missing}`)

describe.skipIf(Database.missing !== undefined)("a client that disconnects", { timeout: 90_000 }, () => {
  let server: Server.Running
  beforeAll(async () => {
    await Database.sql(`create database ${name}`)
    server = await Server.start({ database: { kind: "server", url: Redacted.make(Database.urlOf(name)) } })
  })
  afterAll(async () => {
    await server.stop()
    await Database.sql(`drop database if exists ${name} with (force)`)
  })

  const count = async (condition: string) =>
    (await Database.sql(`select pid from pg_stat_activity where datname = '${name}' and ${condition}`)).length
  const sleeping = () => count("wait_event = 'PgSleep'")
  /** Statements that wait for the lock on the table. */
  const waiting = () => count("wait_event_type = 'Lock'")

  it("cancels the statement that it waits for; a change continues", async () => {
    const locked = Database.sqlOn(
      Database.urlOf(name),
      "do $$ begin lock table crewline_agent in access exclusive mode; perform pg_sleep(60); end $$"
    ).catch(() => "released")
    await Database.until("the table is locked", async () => (await sleeping()) === 1)
    const hangUp = async (request: RequestInit) => {
      const client = new AbortController()
      const answer = fetch(`${server.url}/api/v1/agents`, { ...request, signal: client.signal })
      await Database.until("the statement waits", async () => (await waiting()) === 1)
      client.abort()
      await expect(answer).rejects.toThrow("aborted")
    }
    await hangUp({})
    await Database.until("the statement is cancelled", async () => (await waiting()) === 0)
    await hangUp({
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "kept", role: "r", goal: "g", backstory: "b" })
    })
    await Database.sql(
      `select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and datname = '${name}'`
    )
    expect(await locked).toBe("released")
    await Database.until("the change is made", async () => {
      const { body } = await Server.request(`${server.url}/api/v1/agents`)
      return body.items.some((agent: { readonly name: string }) => agent.name === "kept")
    })
  })
})
