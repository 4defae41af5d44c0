/** Failures show where the application called this package, instead of where the engine ran. */

/**
 * The same promise; a failure with a `_tag`, which is one that the engine foresees, gets the stack
 * of whoever called the function that calls this one. What nobody foresaw keeps its own.
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
