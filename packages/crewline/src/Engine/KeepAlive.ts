/**
 * Keeps the process alive while something runs: an execution of this process, or a call that is not
 * answered yet.
 */

export class KeepAlive {
  #count = 0
  #timer: NodeJS.Timeout | undefined

  /** Holds the process until the promise is settled. */
  async while<A>(promise: Promise<A>): Promise<A> {
    if (this.#count++ === 0) this.#timer = setInterval(() => {}, 2 ** 31 - 1)
    try {
      return await promise
    } finally {
      if (--this.#count === 0) clearInterval(this.#timer)
    }
  }
}
