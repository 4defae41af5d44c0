/**
 * Serves rows that other processes have claimed but not settled, because these processes may be
 * busy or dead, and the result is needed now. Consumers are idempotent, so a row that is served
 * twice has one effect; the process that claimed the row settles it.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Outbox from "../../Outbox.ts"
import * as Tenant from "../../Tenant.ts"

/** The maximum number of rows per query. */
const maxRows = 64
/** The maximum number of remembered served rows; the oldest are dropped. */
const maxKnown = 10_000

/** `undefined`: the row no longer exists. */
export type Serve = (row: Outbox.Row) => Effect.Effect<Outbox.Settled | undefined>

export interface ForOthers {
  /** A row is served by this process; it is not looked at again. */
  readonly served: (row: Outbox.Key) => void
  /** Serves the rows of this consumer and the current tenant that are not known to be served. */
  readonly serve: (consumer: string) => Effect.Effect<void>
}

export const make = ({
  outbox,
  serve
}: {
  readonly outbox: Outbox.Outbox["Service"]
  readonly serve: Serve
}): ForOthers => {
  const known = new Set<string>()
  const oneByOne = Semaphore.makeUnsafe(1)
  const nameOf = ({ executionId, part, seq, tenant }: Outbox.Key) => JSON.stringify([tenant, executionId, seq, part])
  const served = (row: Outbox.Key) => {
    known.add(nameOf(row))
    if (known.size > maxKnown) for (const oldest of known) return void known.delete(oldest)
  }

  /** A row whose consumer has failed is due again later. */
  const open = Effect.fnUntraced(function* (consumer: string) {
    const tenant = yield* Tenant.Current
    const found: Array<Outbox.Row> = []
    let after: string | undefined
    for (;;) {
      const page = yield* outbox.list({ state: "pending", limit: maxRows, ...(after === undefined ? {} : { after }) })
      for (const { attempts, consumer: of, error, executionId, part, seq } of page) {
        const row = { tenant, executionId, seq, part, consumer, attempts }
        if (of === consumer && error === undefined && !known.has(nameOf(row))) found.push(row)
      }
      after = page.at(-1)?.id
      if (page.length < maxRows || found.length >= maxRows) return found
    }
  })

  const serveOne = Effect.fnUntraced(function* (row: Outbox.Row) {
    const settled = yield* serve(row)
    if (settled === undefined || settled.error === undefined) served(row)
  })

  return {
    served,
    serve: (consumer) =>
      Effect.flatMap(open(consumer), (rows) =>
        rows.length === 0
          ? Effect.void
          : // Another look may have served them meanwhile.
            oneByOne.withPermits(1)(
              Effect.suspend(() =>
                Effect.forEach(
                  rows.filter((row) => !known.has(nameOf(row))),
                  serveOne,
                  { concurrency: "unbounded", discard: true }
                )
              )
            )
      ).pipe(Effect.catch(({ message }) => Effect.logWarning(`The outbox was not looked through: ${message}`)))
  }
}
