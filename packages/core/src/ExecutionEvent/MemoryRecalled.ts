/** The memories that an agent recalls. */
import type { Origin } from "../MemoryOptions.ts"

/**
 * Memories were shown to the agent, in the append of its first turn. Whoever has that recalls
 * nothing again.
 */
export interface MemoryRecalled {
  readonly type: "MemoryRecalled"
  readonly taskId: string
  readonly run: number
  /** Best first. */
  readonly ids: ReadonlyArray<string>
  /** Of each, how well it matched, in the same order. */
  readonly scores: ReadonlyArray<number>
  /** Of each, why it was chosen, in words. */
  readonly why?: ReadonlyArray<string>
  /** The least trusted origin among them; absent: `agent`. */
  readonly trust?: Origin
}
