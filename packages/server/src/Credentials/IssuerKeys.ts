/**
 * The public keys of an issuer of tokens, found by its OpenID configuration.
 *
 * - Fetched keys are valid for ten minutes, and then refreshed in the background. If the issuer
 *   does not respond, they stay valid for another hour.
 * - A token with an unknown key triggers a refresh, at most once per half minute, because issuers
 *   rotate keys.
 * - An issuer that hangs delays a request by one second, and the requests of the next ten seconds
 *   not at all.
 */
import * as Flights from "@crewline/core/Flights"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { JSONWebKeySet } from "jose"

const freshMillis = 10 * 60_000
const maxAgeMillis = freshMillis + 60 * 60_000
const cooldownMillis = 30_000
const brokenMillis = 10_000
const patience = "1 second"

/** No key of the issuer is known, and it does not respond. */
export class KeysUnavailable extends Data.TaggedError("KeysUnavailable")<{ readonly message: string }> {}

const Configuration = Schema.Struct({ issuer: Schema.String, jwks_uri: Schema.String })
const KeySet = Schema.Struct({
  keys: Schema.Array(
    Schema.StructWithRest(Schema.Struct({ kty: Schema.String }), [Schema.Record(Schema.String, Schema.Unknown)])
  )
})
const decodeConfiguration = Schema.decodeUnknownSync(Configuration)
const decodeKeys = Schema.decodeUnknownSync(KeySet)

const getJson = async (url: string, signal: AbortSignal): Promise<unknown> => {
  const response = await fetch(url, { signal, redirect: "error", headers: { accept: "application/json" } })
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return response.json()
}

const fetchKeys = async (issuer: string, signal: AbortSignal): Promise<JSONWebKeySet> => {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`
  const configuration = decodeConfiguration(await getJson(url, signal))
  if (configuration.issuer !== issuer) throw new Error(`${url} belongs to the issuer ${configuration.issuer}`)
  const { keys } = decodeKeys(await getJson(configuration.jwks_uri, signal))
  return { keys: [...keys] }
}

/** In the current scope; starts fetching at once. */
export const make = Effect.fnUntraced(function* (issuer: string) {
  let known: { readonly keys: JSONWebKeySet; readonly at: number } | undefined
  let triedAt = -Infinity
  let isBroken = false
  const fetching = yield* Flights.make<JSONWebKeySet, KeysUnavailable>()

  const fetched = Effect.gen(function* () {
    triedAt = yield* Clock.currentTimeMillis
    const keys = yield* Effect.tryPromise({
      try: (signal) => fetchKeys(issuer, signal),
      catch: (error) => new KeysUnavailable({ message: error instanceof Error ? error.message : String(error) })
    }).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => Effect.fail(new KeysUnavailable({ message: `no answer within ${patience}` }))
      }),
      Effect.tapError(({ message }) => {
        isBroken = true
        return Effect.logWarning(`The keys of the issuer ${issuer} cannot be fetched: ${message}`)
      })
    )
    isBroken = false
    known = { keys, at: triedAt }
    return keys
  })

  const fetchNow = fetching(issuer, fetched)
  const scope = yield* Effect.scope
  const start = Effect.forkIn(Effect.ignore(fetchNow), scope)

  // A starting process is busy, and may need more than a second for an answer that arrived at once:
  // this alone must not reject callers.
  const first = Effect.catch(Effect.asVoid(fetchNow), () =>
    Effect.sync(() => {
      isBroken = false
    })
  )
  yield* Effect.forkIn(first, scope)

  return {
    /** The known keys; fetched if there are none. */
    current: Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const isResting = isBroken && now - triedAt < brokenMillis
      if (known !== undefined && now - known.at < maxAgeMillis) {
        if (now - known.at >= freshMillis && !isResting) yield* start
        return known.keys
      }
      return yield* isResting ? new KeysUnavailable({ message: "it did not answer a moment ago" }) : fetchNow
    }),
    /** The current keys of the issuer, for a token with an unknown key. */
    renewed: Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      if (known !== undefined && now - triedAt < cooldownMillis) return known.keys
      return yield* fetchNow
    })
  }
})
