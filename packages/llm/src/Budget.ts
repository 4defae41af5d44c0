/**
 * Enforces limits of tokens, cost and requests: of a task, an agent and an execution
 * (`request.limits`), and of a tenant or anything else that the application limits (`limits`).
 *
 * Hard: the maximum usage of a call is reserved before it is made, in all of its limits or in none;
 * a call that could exceed one is not made. If a request does not limit the answer, the call is
 * limited to the reservation. Afterwards, the actual usage replaces the reservation. A call that
 * was interrupted, or that ended without reporting its usage, is charged its full reservation. So
 * the counted usage is never below the actual one, as long as prompts are not longer than
 * estimated; if an answer shows that one was, later estimates for that model are raised.
 *
 * A call that does not fit only because of reservations of others waits until they are settled,
 * holding nothing.
 */
import type { Notice } from "@crewline/core/ExecutionEvent"
import type * as Limits from "@crewline/core/Limits"
import * as Llm from "@crewline/core/Llm"
import type { Usage } from "@crewline/core/Usage"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as BudgetStore from "./BudgetStore.ts"
import * as Prices from "./Prices.ts"
import * as PromptEstimate from "./PromptEstimate.ts"

export interface Options {
  /**
   * Where the sums are kept. Default: in this process, for this wrapper alone; give one to all
   * models that share limits.
   */
  readonly store?: BudgetStore.BudgetStore
  /** Limits in addition to those of the request, for example of a tenant. */
  readonly limits?: (
    request: Llm.Request
  ) => ReadonlyArray<Limits.Scoped> | Effect.Effect<ReadonlyArray<Limits.Scoped>, BudgetStore.BudgetStoreError>
  /** `false`: another budget keeps the limits of the request. */
  readonly ofRequest?: false
  /**
   * What models cost, before `Prices.known`. Without a price no call is made under a limit of
   * money.
   */
  readonly prices?: Prices.Prices
  /**
   * The longest answer that is reserved where the request does not limit it, in tokens. Default:
   * 4,096.
   */
  readonly maxOutputTokens?: number
  /** A call whose answer would be limited to fewer tokens is not made. Default: 64. */
  readonly minOutputTokens?: number
  /** By how much estimates of prompts are raised. Default: `PromptEstimate.margin`. */
  readonly margin?: number
  /**
   * How long a call waits for reservations of others to be settled, in milliseconds. Default:
   * 60,000.
   */
  readonly waitMillis?: number
}

const firstPauseMillis = 5
const maxPauseMillis = 250

/**
 * What a call that failed like this can have used: nothing, where the provider refused before it
 * worked.
 */
const free: ReadonlySet<Llm.Reason["_tag"]> = new Set<Llm.Reason["_tag"]>([
  "RateLimited",
  "Overloaded",
  "ContextTooLong",
  "InvalidRequest",
  "Authentication",
  "QuotaExhausted",
  "UnknownModel",
  "MissingPackage",
  "CircuitOpen",
  "BudgetExceeded"
])

/**
 * Limits that an application keeps in a separate store, in addition to those of its crews: for
 * example of its tenants.
 */
export interface Further {
  readonly store: BudgetStore.BudgetStore
  readonly limits: NonNullable<Options["limits"]>
}

/**
 * Set where the models of an application are made (`Providers.layerConfig`, `Resilience`), all of
 * them keep to it. Default: none.
 */
export const Further = Context.Reference<Further | undefined>("@crewline/llm/Budget/Further", {
  defaultValue: () => undefined
})

/** Puts a model under limits; without any a call is passed on as it is. */
export const make = (options: Options = {}): ((model: Llm.Model) => Llm.Model) => {
  const { ofRequest = true, store = BudgetStore.makeLocal() } = options
  return (model) => {
    const { reference } = model
    const price = Prices.find(reference, options.prices)
    // What the provider says it cost is exact (it knows what was written to its cache, and for how
    // long), but by its own prices.
    const isOwn = options.prices !== undefined && Prices.own(reference, options.prices) !== undefined
    let factor = options.margin ?? PromptEstimate.margin(reference)
    const reserve = reserver(options, store, reference, price)

    /**
     * What was charged is what the answer says it cost, so that the log knows it after a restart.
     */
    const priced = (answer: Llm.Answer): Llm.Answer =>
      price === undefined || (answer.usage.costUsd !== null && !isOwn)
        ? answer
        : { ...answer, usage: { ...answer.usage, costUsd: Prices.costAt(price, answer.usage) } }

    const generate = (
      request: Llm.Request,
      limits: ReadonlyArray<Limits.Scoped>
    ): Effect.Effect<Llm.Answer, Llm.LlmError> => {
      const isOfMoney = limits.some((limit) => limit.costUsd !== undefined)
      if (isOfMoney && price === undefined) {
        return refusal(
          reference,
          request,
          `The price of ${reference} is unknown, so it cannot be called under a cost limit. Set its price (prices), or limit tokens instead.`
        )
      }
      const blind = limits.find((limit) => limit.costUsd !== undefined && limit.spent?.costUsd === null)
      if (blind !== undefined) {
        const description = `The cost of ${scopeOf(blind)} is unknown: a model without a price was called.`
        return refusal(reference, request, description)
      }
      return Effect.flatMap(PromptEstimate.counter, (counter) => {
        const estimate = counter.request(request)
        return Effect.acquireUseRelease(
          Effect.mapError(reserve(request, limits, Math.ceil(estimate * factor)), unanswered(reference)),
          (reserved) =>
            Effect.map(model.generate(within(request, reserved.outputTokens, ofRequest)), (answer) =>
              priced(charged(answer, reserved, price))
            ),
          (reserved, exit) => {
            const { inputTokens } = Exit.isSuccess(exit) ? exit.value.usage : { inputTokens: 0 }
            if (inputTokens > Math.ceil(estimate * factor)) factor = (inputTokens / estimate) * 1.05
            return Effect.catch(store.settle(reserved.reservation, usedBy(exit, reserved)), (error) =>
              Effect.logWarning(`A budget reservation could not be settled: ${error.message}`)
            )
          }
        )
      })
    }

    const under = (request: Llm.Request, more: ReadonlyArray<Limits.Scoped>) => {
      const own = ofRequest ? (request.limits ?? []) : []
      const limits = more.length === 0 ? own : [...own, ...more]
      return limits.length === 0 ? model.generate(request) : generate(request, limits)
    }

    return {
      reference,
      generate: (request) => {
        const more = options.limits?.(request) ?? []
        return Effect.isEffect(more)
          ? Effect.flatMap(Effect.mapError(more, unanswered(reference)), (found) => under(request, found))
          : Effect.suspend(() => under(request, more))
      }
    }
  }
}

/**
 * The call as the model gets it: another budget further in does not enforce the same limits again.
 */
const within = ({ limits, ...request }: Llm.Request, maxOutputTokens: number, ofRequest: boolean): Llm.Request => ({
  ...request,
  ...(ofRequest || limits === undefined ? {} : { limits }),
  options: { ...request.options, maxOutputTokens }
})

// --- reservations -----------------------------------------------------------------------------------------------------------------

type Reserve = (
  request: Llm.Request,
  limits: ReadonlyArray<Limits.Scoped>,
  inputTokens: number
) => Effect.Effect<BudgetStore.Reserved, Llm.LlmError | BudgetStore.BudgetStoreError>

/**
 * Reserves what calls of a model can use at most, and waits while only reservations of others are
 * in the way.
 */
const reserver = (
  { maxOutputTokens = 4_096, minOutputTokens = 64, waitMillis = 60_000 }: Options,
  store: BudgetStore.BudgetStore,
  reference: string,
  price: Prices.Price | undefined
): Reserve =>
  Effect.fnUntraced(function* (request, limits, inputTokens) {
    const asked = request.options?.maxOutputTokens
    const maxAnswerTokens = asked ?? maxOutputTokens
    const rates = price === undefined ? undefined : Prices.ratesAt(price, inputTokens)
    const want = {
      inputTokens,
      maxOutputTokens: maxAnswerTokens,
      minOutputTokens: asked ?? Math.min(minOutputTokens, maxAnswerTokens),
      inputNanoUsd: rates === undefined ? 0 : Math.ceil(Prices.dearestInput(rates) * 1_000),
      outputNanoUsd: rates === undefined ? 0 : Math.ceil(rates.output * 1_000)
    }
    const entries = limits.map((limit) => withRoom(limit, BudgetStore.entryOf(limit), want))
    const until = (yield* Clock.currentTimeMillis) + waitMillis
    for (let pause = firstPauseMillis; ; pause = Math.min(pause * 2, maxPauseMillis)) {
      const answer = yield* store.reserve({ want, entries })
      if (answer._tag === "Reserved") return answer
      const now = yield* Clock.currentTimeMillis
      if (!answer.mayFitLater || now >= until) {
        const limit = limits[answer.entry]!
        return yield* refusal(reference, request, describe(limit, answer, want), exceededOf(limit, answer))
      }
      yield* Effect.interruptible(Effect.sleep(Math.min(pause, until - now)))
    }
  })

/**
 * The entry without what later calls can use: each a prompt that has grown by as much as it is long
 * now, and a short answer.
 */
const withRoom = (limit: Limits.Scoped, entry: BudgetStore.Entry, want: BudgetStore.Want): BudgetStore.Entry => {
  const { leavesRoomFor: calls = 0 } = limit
  if (calls === 0) return entry
  const tokens = 2 * want.inputTokens + want.minOutputTokens
  const room = {
    requests: calls,
    tokens: calls * tokens,
    nanoUsd: calls * (2 * want.inputTokens * want.inputNanoUsd + want.minOutputTokens * want.outputNanoUsd)
  }
  const least = (dimension: BudgetStore.Dimension) =>
    entry.limit[dimension] === undefined ? {} : { [dimension]: Math.max(entry.limit[dimension] - room[dimension], 0) }
  return { ...entry, limit: { ...least("requests"), ...least("tokens"), ...least("nanoUsd") } }
}

const refusal = (reference: string, request: Llm.Request, description: string, exceeded?: Limits.Exceeded) => {
  const notice: Notice = {
    kind: "budget-refused",
    model: reference,
    message: description,
    ...(exceeded?.name === undefined ? {} : { scope: exceeded.name })
  }
  request.onNotice?.(notice)
  const reason = new Llm.BudgetExceeded({ description, ...(exceeded === undefined ? {} : { exceeded }) })
  return Effect.fail(new Llm.LlmError({ model: reference, reason }))
}

const exceededOf = (limit: Limits.Scoped, { dimension, needed, spent }: BudgetStore.Refused): Limits.Exceeded => {
  const isMoney = dimension === "nanoUsd"
  const amount = (value: number) => (isMoney ? value / 1_000_000_000 : value)
  const of = isMoney ? "costUsd" : dimension
  return {
    scope: limit.scope,
    key: limit.key,
    ...(limit.name === undefined ? {} : { name: limit.name }),
    dimension: of,
    limit: limit[of]!,
    spent: amount(spent),
    estimate: amount(needed)
  }
}

const unanswered =
  (reference: string) =>
  (error: Llm.LlmError | BudgetStore.BudgetStoreError): Llm.LlmError =>
    error instanceof Llm.LlmError
      ? error
      : new Llm.LlmError({
          model: reference,
          reason: new Llm.Overloaded({ description: `The budget could not be checked: ${error.message}` })
        })

/**
 * The answer, with what was reserved for it in the place of what its provider did not count: the
 * log knows it after a restart.
 */
const charged = (
  answer: Llm.Answer,
  { outputTokens: most, reservation }: BudgetStore.Reserved,
  price: Prices.Price | undefined
): Llm.Answer => {
  const { usage } = answer
  const isPromptUncounted = usage.inputTokens === 0
  const isAnswerUncounted = usage.outputTokens === 0 && (isPromptUncounted || answer.parts.length > 0)
  if (usage.requests === 0 || !(isPromptUncounted || isAnswerUncounted)) return answer
  const inputTokens = isPromptUncounted ? reservation.amount.tokens - most : usage.inputTokens
  const outputTokens = isAnswerUncounted ? most : usage.outputTokens
  const costUsd = price === undefined ? usage.costUsd : null
  return { ...answer, usage: { ...usage, inputTokens, outputTokens, costUsd } }
}

/** What a call is charged. Its answer says what it cost, where that is known. */
const usedBy = (exit: Exit.Exit<Llm.Answer, Llm.LlmError>, reserved: BudgetStore.Reserved): BudgetStore.Amount => {
  if (Exit.isSuccess(exit)) return amountOf(exit.value.usage)
  const error = Exit.findErrorOption(exit)
  if (error._tag === "Some" && free.has(error.value.reason._tag)) return { requests: 1, tokens: 0, nanoUsd: 0 }
  return reserved.reservation.amount
}

const amountOf = (usage: Usage): BudgetStore.Amount => ({
  requests: 1,
  tokens: usage.inputTokens + usage.outputTokens,
  nanoUsd: Math.ceil((usage.costUsd ?? 0) * 1_000_000_000)
})

// --- words ------------------------------------------------------------------------------------------------------------------------

const scopeOf = (limit: Limits.Scoped): string => `the ${limit.scope} (${limit.key})`

const usd = (nano: number): string => `$${Number((nano / 1_000_000_000).toPrecision(4))}`
const count = (value: number): string => value.toLocaleString("en-US")

const describe = (
  limit: Limits.Scoped,
  { dimension, left, needed, spent }: BudgetStore.Refused,
  want: BudgetStore.Want
) => {
  const figure = dimension === "nanoUsd" ? usd : count
  const unit = dimension === "nanoUsd" ? "" : ` ${dimension}`
  const advice = "The call was not made: raise the limit or make the task smaller."
  const most = dimension === "nanoUsd" ? usd((limit.costUsd ?? 0) * 1_000_000_000) : count(limit[dimension] ?? 0)
  const of = `of ${scopeOf(limit)}`
  const { leavesRoomFor: kept = 0 } = limit
  const besides = kept === 0 ? "" : ` apart from the reserve for a last answer`
  // A call is one request: there is none left.
  if (dimension === "requests")
    return `The budget ${of} has no calls left${besides}: ${count(spent)} of ${most} were used. ${advice}`
  const need = `this call (a prompt of about ${count(want.inputTokens)} tokens and an answer of ${count(want.minOutputTokens)} or more) could use ${figure(needed)}${unit}`
  return `The budget ${of} has ${figure(Math.max(0, left))}${unit} left of ${most}${besides} (${figure(spent)} spent), and ${need}. ${advice}`
}
