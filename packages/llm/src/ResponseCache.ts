/**
 * Answers a question that was answered before without asking again, where the request allows it
 * (`cache`). The same question is the same model, parameters, messages, tools and schema, by a hash
 * of their content. A hit says `cache-hit` and costs nothing: its usage is zero. Whoever asks while
 * the same question is being answered waits for that answer. Tenants share no answers, whoever's
 * model gave them, and neither do accounts.
 *
 * Answers are kept in this process, the least recently used ones go first, and, where a store is
 * given, beyond it (Effect's `BackingPersistence`, on Redis for example). A store that fails costs
 * a call, no failure. Answers that are no whole ones are not kept, nor, where the caller judges
 * them (`when-accepted`), those that it has not accepted: a refused one would be the answer to
 * every retry.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Tenant from "@crewline/core/Tenant"
import * as Usage from "@crewline/core/Usage"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Persistence from "effect/persistence/Persistence"
import * as QuestionKey from "./ResponseCache/QuestionKey.ts"

export interface Options {
  /** Answers that are kept in this process. Default: 1,000. */
  readonly maxEntries?: number
  /** How long an answer is good, in milliseconds. Default: a day. */
  readonly timeToLiveMillis?: number
  /** Keeps answers beyond this process. */
  readonly store?: Persistence.BackingPersistenceStore
}

const day = 24 * 60 * 60 * 1_000

/**
 * One cache; the models it is put around share it. What models of an account answer is kept for
 * that account.
 */
export const make = (options: Options = {}): ((model: Llm.Model, account?: string) => Llm.Model) => {
  const { maxEntries = 1_000, store, timeToLiveMillis = day } = options
  const kept = new Map<string, { readonly answer: Llm.Answer; readonly until: number }>()
  const asking = new Map<string, Deferred.Deferred<Llm.Answer | undefined>>()

  const keep = (key: string, answer: Llm.Answer, now: number): void => {
    kept.delete(key)
    kept.set(key, { answer, until: now + timeToLiveMillis })
    for (const oldest of kept.keys()) {
      if (kept.size <= maxEntries) break
      kept.delete(oldest)
    }
  }

  const look = (key: string): Effect.Effect<Llm.Answer | undefined> =>
    Effect.clockWith((clock) => {
      const now = clock.currentTimeMillisUnsafe()
      const known = kept.get(key)
      if (known !== undefined) kept.delete(key)
      if (known !== undefined && known.until > now) {
        kept.set(key, known)
        return Effect.succeed(known.answer)
      }
      return store === undefined ? nothing : lookBeyond(store, key, now)
    })

  const lookBeyond = (store: Persistence.BackingPersistenceStore, key: string, now: number) =>
    Effect.map(Effect.catch(store.get(key), unavailable), (found) => {
      if (found === undefined || !isEntry(found) || found.until <= now) return undefined
      kept.set(key, found)
      return found.answer
    })

  const remember = (key: string, answer: Llm.Answer): Effect.Effect<void> =>
    Effect.clockWith((clock) => {
      if (answer.finishReason !== "stop" && answer.finishReason !== "tool-calls") return Effect.void
      const now = clock.currentTimeMillisUnsafe()
      keep(key, answer, now)
      if (store === undefined) return Effect.void
      const entry = { answer, until: now + timeToLiveMillis }
      return Effect.catch(store.set(key, entry, Duration.millis(timeToLiveMillis)), unavailable)
    })

  return (model, account) => {
    const { reference } = model

    const hit = (request: Llm.Request, answer: Llm.Answer): Llm.Answer => {
      request.onNotice?.({
        kind: "cache-hit",
        model: reference,
        message: "The answer to an identical request was reused."
      })
      const { onDelta } = request
      if (onDelta !== undefined) for (const part of answer.parts) if (part.type === "text") onDelta(part.text)
      return { ...answer, usage: Usage.zero }
    }

    const ask = (key: string, request: Llm.Request): Effect.Effect<Llm.Answer, Llm.LlmError> =>
      Effect.suspend(() => {
        const other = asking.get(key)
        if (other === undefined) return first(key, request)
        // Whoever asked and has no answer: that may have been his own matter (his budget, his
        // time).
        return Effect.flatMap(Deferred.await(other), (answer) =>
          answer === undefined ? ask(key, request) : Effect.succeed(hit(request, answer))
        )
      })

    const first = (key: string, request: Llm.Request): Effect.Effect<Llm.Answer, Llm.LlmError> => {
      const mine = Deferred.makeUnsafe<Llm.Answer | undefined>()
      return Effect.onExit(
        // In here: whoever is interrupted before leaves nobody waiting for him.
        Effect.suspend(() => {
          asking.set(key, mine)
          return Effect.flatMap(look(key), (known) =>
            known !== undefined
              ? Effect.succeed(hit(request, known))
              : Effect.flatMap(model.generate(request), (answer) =>
                  request.cache === "when-accepted"
                    ? Effect.succeed({ ...answer, accept: remember(key, answer) })
                    : Effect.as(remember(key, answer), answer)
                )
          )
        }),
        (exit) => {
          if (asking.get(key) === mine) asking.delete(key)
          return Deferred.succeed(mine, Exit.isSuccess(exit) ? exit.value : undefined)
        }
      )
    }

    return {
      reference,
      generate: (request) =>
        request.cache === true || request.cache === "when-accepted"
          ? Effect.withFiber((fiber) => {
              const whose = JSON.stringify([fiber.getRef(Tenant.Current), account, reference])
              return ask(QuestionKey.of(whose, request), request)
            })
          : model.generate(request)
    }
  }
}

const nothing = Effect.succeed(undefined)

const unavailable = (error: Persistence.PersistenceError) =>
  Effect.as(
    Effect.logWarning(`The store of the response cache is unavailable and is bypassed: ${error.message}`),
    undefined
  )

/** What `remember` wrote; anything else under the key is not ours. */
const isEntry = (value: object): value is { readonly answer: Llm.Answer; readonly until: number } =>
  "answer" in value && typeof value.answer === "object" && "until" in value && typeof value.until === "number"
