/**
 * The answers of a leg: a paused answer becomes part of the next one, and an answer that was not
 * refused may be cached for identical requests.
 */
import * as Effect from "effect/Effect"
import type * as Turn from "./Turn.ts"

export class Answers {
  private paused: Turn.Turn["answer"]["parts"] = []
  private readonly good: Array<Effect.Effect<void>> = []

  /**
   * The turn with what was said in turns before it that had paused; `undefined`: it has paused
   * itself.
   */
  whole(turn: Turn.Turn): Turn.Turn | undefined {
    const { answer, isLast } = turn
    const parts = this.paused.length === 0 ? answer.parts : [...this.paused, ...answer.parts]
    if (answer.finishReason === "pause" && !isLast && answer.parts.every(({ type }) => type !== "tool-call")) {
      this.paused = parts
      this.notRefused(turn)
      return undefined
    }
    this.paused = []
    return parts === answer.parts ? turn : { ...turn, answer: { ...answer, parts } }
  }

  notRefused({ accept }: Turn.Turn): void {
    if (accept !== undefined) this.good.push(accept)
  }

  /** The output was accepted: what led to it is kept. */
  accept({ accept }: Turn.Turn): Effect.Effect<void> {
    if (accept === undefined && this.good.length === 0) return Effect.void
    return Effect.forEach([...this.good, accept ?? Effect.void], (each) => each, { discard: true })
  }
}
