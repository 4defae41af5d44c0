/**
 * Work that a script counts at one size and at sixteen times that size: in a separate process,
 * because coverage is measured by the same means.
 */
import { execFile } from "node:child_process"
import { promisify } from "node:util"

export interface Count {
  readonly name: string
  readonly once: number
  readonly sixteenfold: number
}

/** What the script at this path prints. */
export const of = async <A extends Count = Count>(script: string): Promise<ReadonlyArray<A>> => {
  const { stdout } = await promisify(execFile)(process.execPath, [script])
  return JSON.parse(stdout) as ReadonlyArray<A>
}

/** Those that grow faster than the size. Quadratic work grows 256 times. */
export const steep = (counts: ReadonlyArray<Count>): ReadonlyArray<Count> =>
  counts.filter(({ once, sixteenfold }) => sixteenfold > 32 * once)
