/**
 * Every wrapper around a model, in one fixed order; each can be left out. From the outside in:
 *
 * fallback chain (`Fallback`, where several models are named) → response cache → context window →
 * retry → circuit breaker → budget → rate limit → concurrency limit → telemetry → timeout → the
 * provider.
 *
 * What follows from it: a hit of the cache costs nothing and passes no limit. Every attempt of a
 * retry passes the breaker, the budget and both limits anew, so an attempt that failed is counted
 * too. A call waits for its moment after its budget is reserved, so none is sent that may not be
 * paid; and the time limit begins when it is sent. `decisions/2026-11-22-resilience-order.md` has
 * the reasons.
 *
 * Budgets, rate limits, breakers, kept answers and summaries are shared by all processes on one
 * Redis where Effect's `Redis` service is there; else they are this process's own.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as CircuitBreakers from "effect/persistence/CircuitBreaker"
import * as Persistence from "effect/persistence/Persistence"
import type * as RateLimiters from "effect/persistence/RateLimiter"
import * as Redis from "effect/persistence/Redis"
import type { Account, Quota } from "./Account.ts"
import * as Budget from "./Budget.ts"
import * as BudgetStore from "./BudgetStore.ts"
import * as CircuitBreaker from "./CircuitBreaker.ts"
import * as ConcurrencyLimit from "./ConcurrencyLimit.ts"
import * as ContextWindow from "./ContextWindow.ts"
import * as RateLimit from "./RateLimit.ts"
import * as ResponseCache from "./ResponseCache.ts"
import * as Retry from "./Retry.ts"
import * as Telemetry from "./Telemetry.ts"
import * as Timeout from "./Timeout.ts"

export type { Quota } from "./Account.ts"

/** `false` leaves a wrapper out. */
export interface Options {
  readonly responseCache?: Omit<ResponseCache.Options, "store"> | false
  /**
   * Where answers and summaries are kept beyond this process, instead of Redis where that is there;
   * `false`: nowhere.
   */
  readonly responseStore?: Persistence.BackingPersistenceStore | false
  readonly contextWindow?: ContextWindow.Options | false
  readonly retry?: Retry.Options | false
  readonly circuitBreaker?: Omit<CircuitBreaker.Options, "store"> | false
  readonly budget?: Omit<Budget.Options, "store"> | false
  /**
   * By provider (`openai`), for all of its models together, or by reference (`openai/gpt-5.2`), for
   * this one alone.
   */
  readonly quotas?: { readonly [providerOrReference: string]: Quota }
  readonly telemetry?: Telemetry.Options | false
  readonly timeout?: Timeout.Options | false
  /**
   * Put around each model just outside of telemetry and the time limit, the first one outermost: a
   * recorder for example.
   */
  readonly observe?: ReadonlyArray<(model: Llm.Model) => Llm.Model>
}

/** Puts all wrappers around a single model; for `Providers.Options.wrap`. */
export type Wrap = (model: Llm.Model) => Llm.Model

/** The scripted models answer by themselves: there is no provider to be spared, and no network. */
const scripted = "scripted"

/** The wrappers of an application, with the state that all of its models share. */
export class Wrappers extends Context.Service<
  Wrappers,
  {
    readonly wrap: Wrap
    /** The same for models of another account: under the same budgets, and sharing nothing else. */
    readonly account: (account: Account) => Wrap
  }
>()("@crewline/llm/Resilience/Wrappers") {}

/**
 * Wraps each model of the application first, so that caches, logs and spans do not receive the data
 * that it removes. Set where the models are made (`Providers.layerConfig`, `Resilience`); models of
 * other accounts are not affected. Default: none.
 */
export const Innermost = Context.Reference<Wrap>("@crewline/llm/Resilience/Innermost", { defaultValue: () => same })

/** Makes all wrappers as one, and the state they share. */
export const make = (options: Options = {}): Effect.Effect<Wrap> =>
  Effect.map(makeWrappers(options), ({ wrap }) => wrap)

/** Makes the wrappers, and the state they share. */
export const makeWrappers = (options: Options = {}): Effect.Effect<Wrappers["Service"]> =>
  Effect.gen(function* () {
    const redis = yield* Effect.serviceOption(Redis.Redis)
    const stores = Option.isSome(redis)
      ? yield* Effect.provideService(sharedStores, Redis.Redis, redis.value)
      : yield* localStores

    const either = <A>(given: A | false | undefined, make: (given: A | undefined) => Wrap): Wrap =>
      given === false ? same : make(given)
    const answers = options.responseStore ?? stores.answers
    const responseCache = ResponseCache.make({ ...options.responseCache, ...(answers && { store: answers }) })
    const summaries = options.responseStore ?? stores.summaries
    const contextWindow = either(options.contextWindow, (given) =>
      ContextWindow.make({ ...(summaries && { store: summaries }), ...given })
    )
    const retry = either(options.retry, Retry.make)
    const breaker = (account: Account | undefined) =>
      either(options.circuitBreaker, (given) => {
        const key = given?.key ?? ((reference: string) => reference)
        const store = stores.circuitBreaker
        if (account === undefined) return CircuitBreaker.make({ ...given, key, store })
        const { id, version } = account
        return CircuitBreaker.make({
          ...given,
          store,
          key: (reference) => JSON.stringify([id, version, key(reference)])
        })
      })
    const further = yield* Budget.Further
    const innermost = yield* Innermost
    const budget = either(options.budget, (given) => {
      const own = Budget.make({ ...given, store: stores.budget })
      if (further === undefined) return own
      const others = Budget.make({ ...given, ...further, ofRequest: false })
      return (model) => own(others(model))
    })
    const telemetry = either(options.telemetry, Telemetry.make)
    const timeout = either(options.timeout, Timeout.make)
    const observers = (options.observe ?? []).toReversed()
    const limits = new Map<string, Wrap>()
    /** Whatever counts together under this key passes the same limits: they are made once. */
    const limit = (key: string, name: string, quota: Quota | undefined): Wrap => {
      if (quota === undefined) return same
      const { adaptive, concurrency, requestsPerMinute, tokensPerMinute } = quota
      const known = JSON.stringify([key, adaptive, concurrency, requestsPerMinute, tokensPerMinute])
      const made = limits.get(known) ?? limitsOf(key, name, quota, stores.rateLimiter)
      limits.set(known, made)
      return made
    }

    const wrapping = (account: Account | undefined): Wrap => {
      const circuitBreaker = breaker(account)
      const answers = account === undefined ? undefined : JSON.stringify([account.id, account.version])
      return (model) => {
        const { reference } = model
        const provider = reference.slice(0, reference.indexOf("/"))
        const isScripted = account === undefined && provider === scripted
        const configured = (name: string) => {
          const quota = options.quotas?.[name]
          return limit(account === undefined ? name : JSON.stringify([account.id, name]), name, quota)
        }
        const bare = account === undefined ? innermost(model) : model
        const sent = telemetry(isScripted ? bare : timeout(bare))
        let inner = observers.reduce((each, observe) => observe(each), sent)
        inner = configured(provider)(configured(reference)(inner))
        if (account !== undefined) inner = limit(JSON.stringify([account.id]), provider, account.quota)(inner)
        inner = budget(inner)
        if (!isScripted) inner = retry(circuitBreaker(inner))
        inner = contextWindow(inner)
        return options.responseCache === false ? inner : responseCache(inner, answers)
      }
    }
    return { wrap: wrapping(undefined), account: wrapping }
  })

/** The wrappers for all models of an application. */
export const layer = (options: Options = {}): Layer.Layer<Wrappers> => Layer.effect(Wrappers, makeWrappers(options))

const text = (name: string) => Config.withDefault(Config.String(name), "")

/** `openai=500, anthropic=auto` */
const quotasOf = (
  name: string,
  field: keyof Quota,
  value: string
): Effect.Effect<Options["quotas"], Config.ConfigError> =>
  Effect.gen(function* () {
    const quotas: Record<string, Quota> = {}
    for (const entry of value.split(",").filter((each) => each.trim() !== "")) {
      const [, key, amount] = /^\s*([^\s=]+)\s*=\s*([1-9]\d*|auto)\s*$/.exec(entry) ?? []
      if (key === undefined || (amount === "auto" && field === "concurrency")) {
        const hint = field === "concurrency" ? "" : ", or openai=auto to follow the provider's own limits"
        const message = `${name}: invalid limit "${entry.trim()}", expected provider=number, for example openai=500${hint}; separate several with commas.`
        return yield* Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message })))
      }
      quotas[key] = amount === "auto" ? { adaptive: true } : { [field]: Number(amount) }
    }
    return quotas
  })

/**
 * What the environment configures:
 *
 * - `CREWLINE_REQUESTS_PER_MINUTE`, `CREWLINE_TOKENS_PER_MINUTE`, `CREWLINE_MODEL_CONCURRENCY`:
 *   quotas by provider or reference, as in `openai=500,anthropic=50`. `openai=auto` of the first
 *   two keeps to what the provider says is left, without a number.
 * - `CREWLINE_MODEL_MAX_ATTEMPTS`: attempts per call before its task fails and is retried itself.
 *   Default: 1, because a task that waits in the queue for its next attempt keeps no worker busy
 *   and survives a restart.
 * - `CREWLINE_CONTEXT`: what becomes of the older turns of a conversation that is too long, `drop`
 *   or `summarise`. Default: `drop`, which costs nothing.
 */
export const config: Effect.Effect<Options, Config.ConfigError> = Effect.gen(function* () {
  const fields = {
    CREWLINE_REQUESTS_PER_MINUTE: "requestsPerMinute",
    CREWLINE_TOKENS_PER_MINUTE: "tokensPerMinute",
    CREWLINE_MODEL_CONCURRENCY: "concurrency"
  } as const
  const quotas: Record<string, Quota> = {}
  for (const [name, field] of Object.entries(fields)) {
    for (const [key, quota] of Object.entries((yield* quotasOf(name, field, yield* text(name))) ?? {})) {
      quotas[key] = { ...quotas[key], ...quota }
    }
  }
  const maxAttempts = yield* Config.withDefault(Config.Int("CREWLINE_MODEL_MAX_ATTEMPTS"), 1)
  const strategy = (yield* text("CREWLINE_CONTEXT")).trim() || "drop"
  if (strategy !== "drop" && strategy !== "summarise") {
    const message = `CREWLINE_CONTEXT must be drop or summarise, not "${strategy}".`
    return yield* Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message })))
  }
  return {
    quotas,
    retry: maxAttempts > 1 ? { maxAttempts } : false,
    ...(strategy === "summarise" && { contextWindow: { strategy } })
  }
})

/** What the environment configures. */
export const layerConfig: Layer.Layer<Wrappers, Config.ConfigError> = Layer.effect(
  Wrappers,
  Effect.flatMap(config, makeWrappers)
)

const same: Wrap = (model) => model

/** The rate limit is outside: who waits for his moment takes no place among those under way. */
const limitsOf = (key: string, name: string, quota: Quota, limiter: RateLimiters.RateLimiter): Wrap => {
  const { adaptive, concurrency, requestsPerMinute, tokensPerMinute } = quota
  const concurrencyLimit = concurrency === undefined ? same : ConcurrencyLimit.make({ concurrency })
  const rateLimit =
    adaptive !== true && requestsPerMinute === undefined && tokensPerMinute === undefined
      ? same
      : RateLimit.make({
          limiter,
          key,
          name,
          ...(requestsPerMinute !== undefined && { requestsPerMinute }),
          ...(tokensPerMinute !== undefined && { tokensPerMinute })
        })
  return (model) => rateLimit(concurrencyLimit(model))
}

interface Stores {
  readonly budget: BudgetStore.BudgetStore
  readonly circuitBreaker: CircuitBreaker.Options["store"]
  readonly rateLimiter: RateLimiters.RateLimiter
  readonly answers?: Persistence.BackingPersistenceStore
  readonly summaries?: Persistence.BackingPersistenceStore
}

const localStores: Effect.Effect<Stores> = Effect.gen(function* () {
  return {
    budget: BudgetStore.makeLocal(),
    circuitBreaker: yield* CircuitBreaker.makeLocalStore,
    rateLimiter: yield* RateLimit.makeLocalLimiter
  }
})

const prefix = "crewline:models:"

const sharedStores: Effect.Effect<Stores, never, Redis.Redis> = Effect.gen(function* () {
  return {
    budget: yield* BudgetStore.makeRedis(),
    circuitBreaker: yield* Effect.provide(
      CircuitBreakers.CircuitBreakerStore,
      CircuitBreakers.layerStoreRedis({ prefix: `${prefix}breaker:` })
    ),
    rateLimiter: yield* RateLimit.makeSharedLimiter(`${prefix}rate:`),
    answers: yield* storeOf("crewline-models-answers"),
    // In braces: a cluster reads several keys at once only where they are of one slot.
    summaries: yield* storeOf("crewline-models-{summaries}")
  }
})

const storeOf = (id: string): Effect.Effect<Persistence.BackingPersistenceStore, never, Redis.Redis> =>
  Persistence.BackingPersistence.pipe(
    Effect.flatMap((backing) => backing.make(id)),
    Effect.provide(Persistence.layerBackingRedis),
    // On Redis there is nothing that a scope would have to close.
    Effect.scoped
  )
