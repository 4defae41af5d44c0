/**
 * Effect gathers concurrent `embed` calls into one request, and lets that request run on when all
 * of them are interrupted. Here the last one of them that is interrupted takes the request along,
 * which closes its connection; as long as somebody waits for it, it goes on.
 */
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as RequestResolver from "effect/RequestResolver"

/** Calls that one request is made for. */
interface Batch {
  waiting: number
  readonly abandoned: Deferred.Deferred<void>
}

export const make = (model: EmbeddingModel.EmbeddingModel): EmbeddingModel.EmbeddingModel => {
  const batches = new WeakMap<EmbeddingModel.EmbeddingRequest, Batch>()
  const { resolver: inner } = model
  const resolver = RequestResolver.makeWith<EmbeddingModel.EmbeddingRequest>({
    batchKey: (entry) => inner.batchKey(entry),
    preCheck: inner.preCheck,
    delay: inner.delay,
    collectWhile: (entries) => inner.collectWhile(entries),
    runAll: (entries, key) => {
      const batch: Batch = { waiting: entries.length, abandoned: Deferred.makeUnsafe() }
      for (const { request } of entries) batches.set(request, batch)
      return Effect.raceFirst(
        inner.runAll(entries, key),
        Effect.andThen(Deferred.await(batch.abandoned), Effect.interrupt)
      )
    }
  })
  return EmbeddingModel.EmbeddingModel.of({
    ...model,
    resolver,
    embed: (input) =>
      Effect.suspend(() => {
        const request = new EmbeddingModel.EmbeddingRequest({ input })
        const abandon = Effect.sync(() => {
          const batch = batches.get(request)
          if (batch !== undefined && --batch.waiting === 0) Deferred.doneUnsafe(batch.abandoned, Effect.void)
        })
        return Effect.onInterrupt(Effect.request(request, resolver), () => abandon)
      }).pipe(Effect.withSpan("EmbeddingModel.embed"))
  })
}
