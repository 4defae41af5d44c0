/** The progress of a long command: a bar if stderr is a terminal, otherwise nothing. */
import * as Effect from "effect/Effect"
import * as Output from "./Output.ts"

const width = 24

/** `total` absent: the total is unknown. */
export const text = (label: string, done: number, total?: number): string => {
  if (total === undefined) return `${label} ${done}`
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const filled = Math.round(share * width)
  return `${label} ${"█".repeat(filled)}${"░".repeat(width - filled)} ${Math.floor(100 * share)} % (${done} of ${total})`
}

export interface ProgressBar {
  readonly show: (done: number, total?: number) => Effect.Effect<void>
}

/** In the current scope; when it closes, the last state stays visible. */
export const make = (label: string) =>
  Effect.gen(function* () {
    const { terminal } = yield* Output.Output
    let last = ""
    const show = (done: number, total?: number) =>
      Effect.sync(() => {
        last = text(label, done, total)
        terminal?.draw([[{ text: last, style: "busy" }]])
      })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (last !== "") terminal?.finish([[{ text: last, style: "plain" }]])
      })
    )
    return { show } satisfies ProgressBar
  })
