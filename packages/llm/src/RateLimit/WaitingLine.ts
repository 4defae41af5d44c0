/**
 * Calls that wait, in the order in which they came. Only the first one checks whether it may go;
 * each of the others waits to become the first.
 */
import * as Effect from "effect/Effect"

export class WaitingLine {
  readonly #waiters = new Set<Waiter>()

  get isEmpty(): boolean {
    return this.#waiters.size === 0
  }

  join(): Waiter {
    const waiter = new Waiter()
    this.#waiters.add(waiter)
    return waiter
  }

  isFirst(waiter: Waiter): boolean {
    const [first] = this.#waiters
    return first === waiter
  }

  leave(waiter: Waiter): void {
    if (this.#waiters.delete(waiter)) this.wakeFirst()
  }

  wakeFirst(): void {
    const [first] = this.#waiters
    first?.wake()
  }
}

/** A call that waits for its turn, or for news. */
export class Waiter {
  #wake: (() => void) | undefined
  #isAwake = false

  wake(): void {
    this.#isAwake = true
    this.#wake?.()
  }

  /** Succeeds when it was woken since the last time. */
  readonly woken: Effect.Effect<void> = Effect.callback((resume) => {
    const wake = (): void => {
      this.#isAwake = false
      this.#wake = undefined
      resume(Effect.void)
    }
    if (this.#isAwake) return wake()
    this.#wake = wake
    return Effect.sync(() => {
      this.#wake = undefined
    })
  })
}
