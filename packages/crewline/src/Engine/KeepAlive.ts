/**
 * Keeps the process alive while an execution of this process runs, or a task of another's, or a
 * call is pending.
 */

export class KeepAlive {
  #count = 0
  #timer: NodeJS.Timeout | undefined
  readonly #executions = new Set<string>()

  /** Keeps the process alive until this execution has ended. */
  heldBy(executionId: string, ended: Promise<unknown>): void {
    this.#executions.add(executionId)
    const release = () => void this.#executions.delete(executionId)
    ended.then(release, release)
  }

  /** Keeps the process alive until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    void this.while(promise)
    return resolve
  }

  isHeldBy(executionId: string): boolean {
    return this.#executions.has(executionId)
  }

  /** Keeps the process alive until the promise is settled. */
  async while<A>(promise: Promise<A>): Promise<A> {
    if (this.#count++ === 0) this.#timer = setInterval(() => {}, 2 ** 31 - 1)
    try {
      return await promise
    } finally {
      if (--this.#count === 0) clearInterval(this.#timer)
    }
  }
}
