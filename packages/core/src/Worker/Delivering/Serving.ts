/**
 * Serves one row of the outbox. Whatever its consumer does (fails, throws, hangs, takes the process
 * with it), the row comes to an end: it is done, or due again later each time, or a dead letter.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Outbox from "../../Outbox.ts"
import { redact } from "../../Redact.ts"
import * as Tenant from "../../Tenant.ts"

export interface Serving {
  /** A consumer that takes longer than `maxMillis` fails. */
  readonly serve: (delivery: Outbox.Delivery, maxMillis: number) => Effect.Effect<Outbox.Settled>
  /** What becomes of a row that could not be served. */
  readonly failed: (row: Outbox.Row, error: Outbox.ConsumerError) => Effect.Effect<Outbox.Settled>
}

/** How often a row is tried before it is a dead letter: for about an hour. */
export const maxAttempts = 10
const firstDelayMillis = 5_000
const maxDelayMillis = 15 * 60_000
/** In characters. */
const maxErrorLength = 2_000

export const make = (consumers: ReadonlyArray<Outbox.Consumer>): Serving => {
  const byName = new Map(consumers.map((consumer) => [consumer.name, consumer]))

  const failed = Effect.fnUntraced(function* (row: Outbox.Row, { description, isRetryable }: Outbox.ConsumerError) {
    const { attempts, consumer, executionId, part, seq, tenant } = row
    const isDead = !isRetryable || attempts >= maxAttempts
    const error = textOf(description)
    yield* Effect.logWarning(
      `What "${consumer}" does about event ${seq} of ${executionId} failed${isDead ? " for the last time" : ""}: ${error}`
    )
    const settled = { tenant, executionId, seq, part, error }
    if (isDead) return settled
    const delay = Math.min(firstDelayMillis * 2 ** (attempts - 1), maxDelayMillis)
    return { ...settled, delayMillis: Math.ceil(delay * (0.5 + (yield* Random.next) / 2)) }
  })

  return {
    failed,
    serve: (delivery, maxMillis) => {
      const { consumer, executionId, part, seq, tenant } = delivery.row
      const late = new Outbox.ConsumerError({
        description: `It took longer than ${maxMillis} ms, and was stopped.`,
        isRetryable: true
      })
      return Effect.suspend(() => byName.get(consumer)!.serve(delivery)).pipe(
        Effect.provideService(Tenant.Current, tenant),
        Effect.timeoutOrElse({ duration: maxMillis, orElse: () => Effect.fail(late) }),
        Effect.catchDefect((defect) =>
          Effect.fail(new Outbox.ConsumerError({ description: messageOf(defect), isRetryable: false }))
        ),
        Effect.matchEffect({
          onFailure: (error) => failed(delivery.row, error),
          onSuccess: () => Effect.succeed({ tenant, executionId, seq, part })
        })
      )
    }
  }
}

/** Text that every storage takes. */
const textOf = (description: string): string =>
  redact(description).replaceAll("\u0000", "").slice(0, maxErrorLength).toWellFormed()

const messageOf = (defect: unknown): string => (defect instanceof Error ? defect.message : String(defect))
