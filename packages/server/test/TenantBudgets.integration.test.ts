/** The budget of one tenant on three servers with one PostgreSQL: together they never exceed it. */
import * as Database from "@crewline/memory-pg/Database"
import * as Migrations from "@crewline/server/Migrations"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as FastCheck from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Crowd from "./fake/Crowd.ts"
import { missing, sql, urlOf } from "./fake/Database.ts"

const name = `crewline_budget_${process.pid}`
const skipped = missing === undefined ? "" : ` (skipped: ${missing})`

describe.skipIf(missing !== undefined)(`a tenant's budget at several servers${skipped}`, { timeout: 180_000 }, () => {
  const scope = Scope.makeUnsafe()
  let servers: ReadonlyArray<Crowd.Server> = []
  beforeAll(async () => {
    await sql(`create database ${name}`)
    for (let each = 0; each < 3; each++) {
      const database = Migrations.layer.pipe(
        Layer.provideMerge(Database.layer({ kind: "server", url: Redacted.make(urlOf(name)) })),
        Layer.fresh
      )
      const services = await Effect.runPromise(Layer.buildWithScope(database, scope))
      servers = [...servers, await Crowd.server(Context.get(services, SqlClient.SqlClient))]
    }
  }, 60_000)
  afterAll(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await sql(`drop database if exists ${name} with (force)`)
  })

  it("is never exceeded in any order, as counted by the provider", async () => {
    let names = 0
    let most = 0
    await FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.integer({ min: 2_000, max: 10_000 }),
        FastCheck.array(FastCheck.integer({ min: 1, max: 900 }), { minLength: 11, maxLength: 61 }),
        async (tokens, seed) => {
          const tenant = `t${++names}`
          let at = 0
          const { model, seen } = Crowd.provider(
            () => seed[at++ % seed.length]!,
            () => seed[at++ % seed.length]! % 20
          )
          await Crowd.as(tenant, servers[0]!.budgets.set({ day: { tokens: tokens * 2 }, month: { tokens } }))
          const outcomes = await Crowd.crowd(servers, { calls: 100, model, seed, tenant })
          expect(seen.tokens).toBeLessThanOrEqual(tokens)
          expect(new Set([...outcomes, "Answered", "BudgetExceeded", "Left"]).size).toBe(3)
          // Nothing that ended is still reserved: the counted amount is at least the spent amount.
          const { spent } = await Crowd.as(tenant, servers[1]!.budgets.get)
          expect(spent.month.tokens).toBeGreaterThanOrEqual(seen.tokens)
          expect(spent.month.tokens).toBeLessThanOrEqual(tokens)
          most = Math.max(most, spent.month.tokens / tokens)
          expect(spent.day).toMatchObject({ tokens: spent.month.tokens, requests: spent.month.requests })
        }
      ),
      { numRuns: 3 }
    )
    // Refusing every call would not be enough.
    expect(most).toBeGreaterThan(0.5)
  })
})
