/**
 * Answers a question that was answered before without asking again, where the request allows it (`cache`). The same question is the
 * same model, parameters, messages, tools and schema, by a hash of their content. A hit says `cache-hit` and costs nothing: its
 * usage is zero. Whoever asks while the same question is being answered waits for that answer. Tenants share no answers, whoever's
 * model gave them, and neither do accounts.
 *
 * Answers are kept in this process, the least recently used ones go first, and, where a store is given, beyond it (Effect's
 * `BackingPersistence`, on Redis for example). A store that fails costs a call, no failure. Answers that are no whole ones are not kept.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Tenant from "@crewline/core/Tenant"
import * as Usage from "@crewline/core/Usage"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Persistence from "effect/persistence/Persistence"
import * as QuestionKey from "./internal/QuestionKey.ts"

export interface Options {
  /** Answers that are kept in this process. Default: 1,000. */
  readonly capacity?: number
  /** How long an answer is good, in milliseconds. Default: a day. */
  readonly timeToLiveMillis?: number
  /** Keeps answers beyond this process. */
  readonly store?: Persistence.BackingPersistenceStore
}

const day = 24 * 60 * 60 * 1_000

/** One cache; the models it is put around share it. What models of an account answer is kept for that account. */
export const make = (options: Options = {}): ((model: Llm.Model, account?: string) => Llm.Model) => {
  const { capacity = 1_000, store, timeToLiveMillis = day } = options
  const kept = new Map<string, { readonly answer: Llm.Answer; readonly until: number }>()
  const asking = new Map<string, Deferred.Deferred<Llm.Answer | undefined>>()

  const keep = (key: string, answer: Llm.Answer, now: number): void => {
    kept.delete(key)
    kept.set(key, { answer, until: now + timeToLiveMillis })
    for (const oldest of kept.keys()) {
      if (kept.size <= capacity) break
      kept.delete(oldest)
    }
  }

  const look = Effect.fnUntraced(function* (key: string) {
    const now = yield* Clock.currentTimeMillis
    const known = kept.get(key)
    if (known !== undefined && known.until > now) {
      kept.delete(key)
      kept.set(key, known)
      return known.answer
    }
    kept.delete(key)
    if (store === undefined) return undefined
    const found = yield* Effect.catch(store.get(key), unavailable)
    if (found === undefined || !isEntry(found) || found.until <= now) return undefined
    kept.set(key, found)
    return found.answer
  })

  const remember = Effect.fnUntraced(function* (key: string, answer: Llm.Answer) {
    if (answer.finishReason !== "stop" && answer.finishReason !== "tool-calls") return
    const now = yield* Clock.currentTimeMillis
    keep(key, answer, now)
    if (store === undefined) return
    const entry = { answer, until: now + timeToLiveMillis }
    yield* Effect.catch(store.set(key, entry, Duration.millis(timeToLiveMillis)), unavailable)
  })

  return (model, account) => {
    const { reference } = model

    const hit = (request: Llm.Request, answer: Llm.Answer): Llm.Answer => {
      request.onNotice?.({
        kind: "cache-hit",
        model: reference,
        message: "The same question was answered before; it was not asked again."
      })
      const { onDelta } = request
      if (onDelta !== undefined) for (const part of answer.parts) if (part.type === "text") onDelta(part.text)
      return { ...answer, usage: Usage.zero }
    }

    const ask: (key: string, request: Llm.Request) => Effect.Effect<Llm.Answer, Llm.LlmError> = Effect.fnUntraced(
      function* (key, request) {
        while (true) {
          const other = asking.get(key)
          if (other === undefined) break
          const answer = yield* Deferred.await(other)
          if (answer !== undefined) return hit(request, answer)
          // Whoever asked has no answer; that may have been his own matter (his budget, his time).
        }
        const mine = Deferred.makeUnsafe<Llm.Answer | undefined>()
        asking.set(key, mine)
        return yield* Effect.onExit(
          Effect.flatMap(look(key), (known) =>
            known !== undefined
              ? Effect.succeed(hit(request, known))
              : Effect.tap(model.generate(request), (answer) => remember(key, answer))
          ),
          (exit) => {
            asking.delete(key)
            return Deferred.succeed(mine, Exit.isSuccess(exit) ? exit.value : undefined)
          }
        )
      }
    )

    return {
      reference,
      generate: (request) =>
        request.cache === true
          ? Effect.withFiber((fiber) => {
              const whose = JSON.stringify([fiber.getRef(Tenant.Current), account, reference])
              return ask(QuestionKey.of(whose, request), request)
            })
          : model.generate(request)
    }
  }
}

const unavailable = (error: Persistence.PersistenceError) =>
  Effect.as(Effect.logWarning(`The store of the response cache is not in use: ${error.message}`), undefined)

/** What `remember` wrote; anything else under the key is not ours. */
const isEntry = (value: object): value is { readonly answer: Llm.Answer; readonly until: number } =>
  "answer" in value && typeof value.answer === "object" && "until" in value && typeof value.until === "number"
