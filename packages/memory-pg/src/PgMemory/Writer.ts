/**
 * Remembers and imports. Each call is a request of `crewline_memory_remember`; requests that arrive
 * while a statement is running share the next one. A request is stored completely or not at all.
 *
 * Inside a transaction of the caller, calls join that transaction instead.
 */
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as GroupCommit from "../GroupCommit.ts"
import * as Query from "./Query.ts"
import * as StoredMemory from "./StoredMemory.ts"

type ReceiptRow =
  | readonly ["stored", id: string, supersedes: string | null]
  | readonly ["known", id: string]
  | readonly ["refused", reason: Memory.Junk.Reason]
  | readonly ["erased"]

interface Answer {
  readonly outcome: "done" | "busy"
  readonly receipts: ReadonlyArray<ReceiptRow>
}

/** Texts that are not worth remembering, unless they were stored with their key before. */
const refusedOf = (reason: Memory.Junk.Reason, key: string | undefined): StoredMemory.Encoded => ({
  json: JSON.stringify({ refused: reason, keyPath: key === undefined ? undefined : StoredMemory.keyPathOf(key) })
})

interface Request {
  readonly tenant: string
  readonly entries: ReadonlyArray<StoredMemory.Encoded>
  readonly scopes: Scopes
  readonly isImport?: boolean
}

const jsonOf = ({ entries, isImport = false, scopes, tenant }: Request): string => {
  const keys = entries.flatMap(({ keyPath }) => keyPath ?? [])
  const rest = JSON.stringify({ tenant, import: isImport, scopes: [...scopes.values()], keys })
  return `${rest.slice(0, -1)},"entries":[${entries.map(({ json }) => json).join(",")}]}`
}

const receiptOf = (row: ReceiptRow): Memory.Receipt => {
  switch (row[0]) {
    case "stored":
      return { _tag: "Stored", id: row[1], ...(row[2] !== null && { supersedes: row[2] }) }
    case "known":
      return { _tag: "Known", id: row[1] }
    case "refused":
      return { _tag: "Refused", reason: row[1] }
    case "erased":
      return { _tag: "Refused", reason: "erased" }
  }
}

/** Each scope once, by its key. */
type Scopes = ReadonlyMap<string, StoredMemory.StoredScope>

const scopesOf = (entries: ReadonlyArray<{ readonly scope: Memory.Scope }>): Scopes => {
  const scopes = new Map<string, StoredMemory.StoredScope>()
  for (const { scope } of entries) {
    const key = Memory.Visibility.keyOf(scope)
    if (!scopes.has(key)) scopes.set(key, StoredMemory.scopeOf(scope))
  }
  return scopes
}

const pathIn = (scopes: Scopes, { scope }: { readonly scope: Memory.Scope }): string =>
  scopes.get(Memory.Visibility.keyOf(scope))!.path

export type Writer = Pick<Memory.Memory["Service"], "remember" | "import">

/** Starts the writers; they end with the scope. */
export const make = (sql: SqlClient.SqlClient, query: Query.Query): Effect.Effect<Writer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const makeId = Memory.Making.makeIds(yield* Random.Random)

    const execute = (requests: string, waits: boolean): Effect.Effect<ReadonlyArray<Answer>, SqlError> =>
      sql.unsafe<Answer>("select * from crewline_memory_remember($1::text::jsonb, $2::boolean)", [requests, waits])

    const submit = yield* GroupCommit.make({
      failureOf: Query.failureOf("remember"),
      closed: new Memory.MemoryError({
        operation: "remember",
        description: "The memory is closed.",
        isRetryable: false
      }),
      execute,
      isBusy: ({ outcome }) => outcome === "busy"
    })

    /** With a single session (PGlite), a writer would wait forever for the caller's transaction. */
    const send = (request: Request): Effect.Effect<ReadonlyArray<ReceiptRow>, Memory.MemoryError> =>
      Effect.withFiber((fiber) => {
        if (request.entries.length === 0) return Effect.succeed([])
        const json = jsonOf(request)
        return Context.getOption(fiber.context, sql.transactionService)._tag === "Some"
          ? Effect.mapBoth(execute(`[${json}]`, true), {
              onFailure: Query.failureOf("remember"),
              onSuccess: ([answer]) => answer!.receipts
            })
          : submit(json, ({ receipts }) => Effect.succeed(receipts))
      })

    /** The texts that executions were shown, by execution. */
    const shownTo = Effect.fnUntraced(function* (entries: ReadonlyArray<Memory.Remembered>) {
      const executions = [...new Set(entries.flatMap(({ source }) => source?.execution.toWellFormed() ?? []))]
      const shown = new Map<string, Array<string>>()
      if (executions.length === 0) return shown
      const rows = yield* query<{ readonly execution: string; readonly body: string }>(
        "remember",
        "select * from crewline_memory_shown($1, $2::text::jsonb)",
        [executions]
      )
      for (const { body, execution } of rows) {
        const { text } = JSON.parse(body) as { readonly text: string }
        shown.set(execution, [...(shown.get(execution) ?? []), text])
      }
      return shown
    })

    return {
      remember: Effect.fnUntraced(function* (given) {
        yield* Memory.Checking.remembered(given)
        const tenant = yield* Tenant.Current
        const shown = yield* shownTo(given)
        const at = yield* Clock.currentTimeMillis
        const scopes = scopesOf(given)
        const entries = given.map((entry): StoredMemory.Encoded => {
          const { key, source } = entry
          const reason = Memory.Junk.reasonOf(entry.text)
          if (reason !== undefined) return refusedOf(reason, key)
          const text = Memory.Junk.withoutRecalled(entry.text, shown.get(source?.execution.toWellFormed() ?? "") ?? [])
          if (text === undefined) return refusedOf("recalled", key)
          const made = Memory.Making.entryOf(entry, { at, id: makeId(at)(), text })
          return StoredMemory.encode(made, { key, path: pathIn(scopes, entry) })
        })
        const rows = yield* send({ tenant, entries, scopes })
        return rows.map(receiptOf)
      }),
      import: Effect.fnUntraced(function* (exported) {
        yield* Memory.Checking.imported(exported)
        const tenant = yield* Tenant.Current
        const scopes = scopesOf(exported.map(({ entry }) => entry))
        const entries = exported.map(({ entry, key, place }) =>
          StoredMemory.encode(entry, { key, place, path: pathIn(scopes, entry) })
        )
        const rows = yield* send({ tenant, isImport: true, scopes, entries })
        const stored = rows.filter(([outcome]) => outcome === "stored").length
        return { stored, known: rows.length - stored }
      })
    }
  })
