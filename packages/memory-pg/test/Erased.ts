/** What the tables of memory contain after everything of a tenant is erased, for their owner. */
import { assert } from "@effect/vitest"
import * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import { asOwner } from "./Owner.ts"

const word = "plugh"

/** Rows of each table of memory, those that contain the word by themselves. */
const rows = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql<{ readonly name: string }>`select relname as name from pg_class
    where relkind in ('r', 'p') and relname like 'crewline\\_memory%' order by 1`
  const counted = yield* Effect.forEach(tables, ({ name }) =>
    sql.unsafe<{ readonly name: string; readonly all: number; readonly telling: number }>(
      `select '${name}' as name, count(*)::int as all,
         count(*) filter (where t::text ilike '%${word}%')::int as telling from ${name} t`
    )
  )
  return counted.flat()
})

const namesOf = (tables: ReadonlyArray<{ readonly name: string }>) => tables.map(({ name }) => name)

/** `alsoFilled`: tables beyond those of memory by words. */
export const check = Effect.fnUntraced(function* (alsoFilled: ReadonlyArray<string>) {
  const memory = yield* Memory.Memory
  const said = (text: string, more: Partial<Memory.Remembered> = {}): Memory.Remembered => ({
    kind: "short-term",
    text,
    scope: { session: "s" },
    source: { execution: "x1" },
    ...more
  })
  yield* memory.remember([
    said(`The password of Zanzibar is ${word}`, {
      subject: "password",
      key: `key ${word}`,
      outcome: { lesson: `${word} opens it` },
      relations: [{ from: "Zanzibar", relation: "has", to: word }]
    }),
    said(`Nobody but ${word} answered`, { speaker: word }),
    said("The password is another one", { subject: "password" })
  ])
  yield* memory.recall({ text: word, scope: { session: "s", execution: "x2" } })
  const before = yield* asOwner(rows)
  const filled = ["crewline_memory", "crewline_memory_quote", "crewline_memory_term", ...alsoFilled]
  assert.includeMembers(namesOf(before.filter(({ all }) => all > 0)), filled)
  assert.includeMembers(namesOf(before.filter(({ telling }) => telling > 0)), [
    "crewline_memory",
    "crewline_memory_term"
  ])
  const { count, executions } = yield* memory.forget({ scope: {} })
  assert.deepStrictEqual({ count, executions }, { count: 3, executions: ["x1", "x2"] })
  const after = yield* asOwner(rows)
  assert.deepStrictEqual(namesOf(after.filter(({ telling }) => telling > 0)), [])
  const names = namesOf(after.filter(({ all }) => all > 0))
  assert.deepStrictEqual(
    filled.filter((name) => names.includes(name)),
    []
  )
})
