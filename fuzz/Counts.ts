/**
 * Work that a script counts at once and at sixteen times the size: in a process of its own, because
 * coverage is measured by the same means.
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

/** Those that grow faster than the size. What grows with its square grows 256 times. */
export const steep = (counts: ReadonlyArray<Count>): ReadonlyArray<Count> =>
  counts.filter(({ once, sixteenfold }) => sixteenfold > 32 * once)
