/**
 * Failures point to where the application called this package, instead of to code of the engine.
 */

/**
 * Returns the same promise. A failure with a `_tag`, which is an expected one, gets the stack of
 * the caller of the function that calls this one. Unexpected failures keep their own stack.
 */
export const keep = <A>(promise: Promise<A>): Promise<A> => {
  const { stack = "" } = new Error()
  // Its first line, this function, and the one that called it.
  const frames = stack.split("\n").slice(3)
  return promise.catch((error: unknown) => {
    if (error instanceof Error && "_tag" in error)
      Object.defineProperty(error, "stack", { value: [`${error.name}: ${error.message}`, ...frames].join("\n") })
    throw error
  })
}
