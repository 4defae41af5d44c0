/**
 * Counts refused requests: the first of one kind and one caller within a minute is an entry, and
 * all others together are a second entry. The number of callers per tenant is limited; all further
 * callers share one kind. So a flood of requests cannot fill the log.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

export interface Refusal {
  readonly tenant: string
  readonly operation: string
  readonly resource?: string
  readonly actor?: string
  readonly keyId?: string
  readonly address?: string
  readonly status: number
  readonly code?: string
}

const interval = "1 minute"
/** Distinct kinds per minute and tenant. */
const maxKinds = 50

interface Count<A> {
  last: A
  times: number
}

/** A caller who is refused by its credential may try every operation and resource. */
const isAboutCaller = (status: number) => status === 401 || status === 403 || status === 429

const kindOf = ({ actor, address, code, keyId, operation, resource, status }: Refusal): string =>
  JSON.stringify([code ?? status, keyId ?? actor, address, ...(isAboutCaller(status) ? [] : [operation, resource])])

/** In the current scope; the counts are recorded when it closes. */
export const make = Effect.fnUntraced(function* <A extends Refusal>(
  note: (entry: A & { readonly times?: number }) => Effect.Effect<void>
) {
  let tenants = new Map<string, Map<string, Count<A>>>()

  const settle = Effect.suspend(() => {
    const counted = [...tenants.values()].flatMap((kinds) => [...kinds.values()]).filter(({ times }) => times > 0)
    tenants = new Map()
    return Effect.forEach(counted, ({ last, times }) => note({ ...last, times }), { discard: true })
  })
  yield* Effect.addFinalizer(() => settle)
  yield* settle.pipe(Effect.schedule(Schedule.spaced(interval)), Effect.forkScoped)

  return (refusal: A): Effect.Effect<void> =>
    Effect.suspend(() => {
      let kinds = tenants.get(refusal.tenant)
      if (kinds === undefined) tenants.set(refusal.tenant, (kinds = new Map()))
      const own = kindOf(refusal)
      const kind = kinds.has(own) || kinds.size < maxKinds ? own : ""
      const known = kinds.get(kind)
      if (known !== undefined) {
        known.last = refusal
        known.times++
        return Effect.void
      }
      kinds.set(kind, { last: refusal, times: 0 })
      return note(refusal)
    })
})
