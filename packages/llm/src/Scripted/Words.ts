/**
 * Says a text as a streaming model would: word by word, with pauses.
 */
import * as Effect from "effect/Effect"

/**
 * Hands the text over in pieces that end at a word, together exactly the text. Without a pause all
 * of it comes at once.
 */
export const say = (text: string, delayMillis: number, onDelta: (delta: string) => void): Effect.Effect<void> => {
  const words = text.split(/(?<=\s)(?=\S)/)
  if (delayMillis <= 0) return Effect.sync(() => words.forEach((word) => onDelta(word)))
  return Effect.forEach(
    words,
    (word, index) => {
      const spoken = Effect.sync(() => onDelta(word))
      return index === 0 ? spoken : Effect.andThen(Effect.sleep(delayMillis), spoken)
    },
    { discard: true }
  )
}
