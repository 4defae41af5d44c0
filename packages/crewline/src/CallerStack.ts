/** Failures show where the application asked for the result, instead of where the engine ran. */
import { ExecutionFailed } from "./Failure.ts"

/**
 * The same promise; an `ExecutionFailed` gets the stack of whoever called the function that calls
 * this one.
 */
export const keep = <A>(promise: Promise<A>): Promise<A> => {
  const { stack = "" } = new Error()
  // Its first line, this function, and the one that called it.
  const frames = stack.split("\n").slice(3)
  return promise.catch((error: unknown) => {
    if (error instanceof ExecutionFailed)
      Object.defineProperty(error, "stack", { value: [`${error.name}: ${error.message}`, ...frames].join("\n") })
    throw error
  })
}
