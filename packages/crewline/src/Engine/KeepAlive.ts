/**
 * Keeps the process alive while something runs: an execution of this process, or a call that is not
 * answered yet.
 */

export class KeepAlive {
  #count = 0
  #timer: NodeJS.Timeout | undefined
  readonly #executions = new Set<string>()

  /** Notes that the process is held by this execution, until it has ended. */
  heldBy(executionId: string, ended: Promise<unknown>): void {
    this.#executions.add(executionId)
    const release = () => void this.#executions.delete(executionId)
    ended.then(release, release)
  }

  isHeldBy(executionId: string): boolean {
    return this.#executions.has(executionId)
  }

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
