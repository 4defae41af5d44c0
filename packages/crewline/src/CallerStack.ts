/**
 * Failures point to where the application called this package, instead of to code of the engine.
 */

/**
 * Returns the same promise. A failure with a `_tag`, which is an expected one, gets the stack of
 * the caller of the function that calls this one. Unexpected failures keep their own stack.
 */
export const keep = <A>(promise: Promise<A>): Promise<A> => promise.catch(within(framesOfCaller()))

/**
 * The same for the elements of an iterable: failures get the stack of the caller of the function
 * that calls this one.
 */
export const keepEach = <A>(iterable: AsyncIterable<A>): AsyncIterable<A> => {
  const fail = within(framesOfCaller())
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = iterable[Symbol.asyncIterator]()
      return {
        next: () => iterator.next().catch(fail),
        return: async (value) => (await iterator.return?.(value)) ?? { done: true, value }
      }
    }
  }
}

const framesOfCaller = (): ReadonlyArray<string> => {
  const { stack = "" } = new Error()
  // Its first line, this function, the one of this module, and the one that called it.
  return stack.split("\n").slice(4)
}

const within =
  (frames: ReadonlyArray<string>) =>
  (error: unknown): never => {
    if (error instanceof Error && "_tag" in error)
      Object.defineProperty(error, "stack", { value: [`${error.name}: ${error.message}`, ...frames].join("\n") })
    throw error
  }
