/**
 * The limit of concurrent tasks per lane, as people write it: `openai:4,default:16`. A lane is
 * named by the provider of its model.
 */
import * as Result from "effect/Result"

export type Lanes = { readonly [lane: string]: number }

const entry = /^([^\s,:]+):(\d{1,6})$/

/** Parses it; the failure is a readable sentence. Every number is at least `minimum`. */
export const parse = (text: string, minimum: 0 | 1): Result.Result<Lanes, string> => {
  const lanes = new Map<string, number>()
  for (const each of text.split(",")) {
    const [, lane, digits] = entry.exec(each.trim()) ?? []
    if (lane === undefined || Number(digits) < minimum) {
      return Result.fail(
        `Invalid lane ${JSON.stringify(each.trim())}: expected name:count, as in openai:4,default:16, with counts of ${minimum} or more`
      )
    }
    if (lanes.has(lane)) return Result.fail(`Duplicate lane ${JSON.stringify(lane)}: remove one of them`)
    lanes.set(lane, Number(digits))
  }
  return Result.succeed(Object.fromEntries(lanes))
}

/** As it was written. */
export const toText = (lanes: Lanes): string =>
  Object.entries(lanes)
    .map(([lane, count]) => `${lane}:${count}`)
    .join(",")
