/**
 * What a process can prove about others on the same log and queue: that they have ended. What such
 * a process held is taken over at once; for all others, only the leases count.
 *
 * Core cannot look at processes: a package for a platform provides this, as the event log of
 * `@crewline/memory-pg` does. Where nobody does, nothing is provable.
 */
import * as Context from "effect/Context"

export interface Liveness {
  /**
   * By what others on the same machine recognize this process, without spaces; undefined: they
   * cannot.
   */
  readonly self: string | undefined
  /**
   * True only when the process that called itself so has ended for certain. False also where it
   * cannot be seen from here.
   */
  readonly isGone: (process: string) => boolean
}

export const Liveness: Context.Reference<Liveness> = Context.Reference<Liveness>("@crewline/core/Liveness/Liveness", {
  defaultValue: () => ({ self: undefined, isGone: () => false })
})

/** How a worker signs what it owns: its name, followed by its process if that can be identified. */
export const sign = (worker: string, process: string | undefined): string =>
  process === undefined ? worker : `${worker} ${process}`

/**
 * The name and the process of a signature. A name with spaces and without a process is read
 * wrongly: such a process is never gone.
 */
export const parse = (signature: string): { readonly worker: string; readonly process: string } => {
  const end = signature.lastIndexOf(" ")
  return end === -1
    ? { worker: signature, process: "" }
    : { worker: signature.slice(0, end), process: signature.slice(end + 1) }
}
