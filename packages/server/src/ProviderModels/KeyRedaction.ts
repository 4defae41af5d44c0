/**
 * A model that never reveals its key: the key is removed from everything that a provider sends back
 * (its answer, streamed or whole, and its failures), so that no event, log or answer of ours
 * contains it.
 */
import * as Llm from "@crewline/core/Llm"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Blanking from "../Blanking.ts"

/** Replaces the key. */
const mark = "[key]"
const encode = Schema.encodeSync(Llm.LlmError)
const decode = Schema.decodeSync(Llm.LlmError)

export const guard = (model: Llm.Model, secret: Redacted.Redacted): Llm.Model => {
  const clean = Blanking.of(secret, mark)
  if (clean === undefined) return model
  const key = Redacted.value(secret).trim()

  /** Methods of an answer are kept unchanged. */
  const cleanAnswer = (answer: Llm.Answer): Llm.Answer => {
    const { accept, ...said } = answer
    const safe = clean(said)
    return safe === said ? answer : { ...safe, ...(accept !== undefined && { accept }) }
  }

  const generate = (request: Llm.Request): Effect.Effect<Llm.Answer, Llm.LlmError> => {
    const { onDelta, onNotice } = request
    const deltas = onDelta === undefined ? undefined : cleanDeltas(key, onDelta)
    return model
      .generate({
        ...request,
        ...(deltas !== undefined && { onDelta: deltas.push }),
        ...(onNotice !== undefined && { onNotice: (notice) => onNotice(clean(notice)) })
      })
      .pipe(
        Effect.mapBoth({
          onSuccess: cleanAnswer,
          onFailure: (error) => {
            const encoded = encode(error)
            const safe = clean(encoded)
            return safe === encoded ? error : decode(safe)
          }
        }),
        Effect.onExit(() => Effect.sync(() => deltas?.end()))
      )
  }
  return { reference: model.reference, generate }
}

/** A key may arrive in pieces: a possible beginning of one is held back until more is known. */
const cleanDeltas = (key: string, tell: (delta: string) => void) => {
  let held = ""
  return {
    push: (delta: string) => {
      const text = (held + delta).replaceAll(key, mark)
      let kept = Math.min(text.length, key.length - 1)
      while (kept > 0 && !text.endsWith(key.slice(0, kept))) kept--
      held = text.slice(text.length - kept)
      if (kept < text.length) tell(text.slice(0, text.length - kept))
    },
    end: () => {
      if (held !== "") tell(held)
      held = ""
    }
  }
}
