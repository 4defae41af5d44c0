/**
 * Lines that a person types. The keyboard is read from the first question on, and not before: a
 * process in the background is stopped when it reads from a terminal. The terminal keeps its own
 * line editing, and Control-C its meaning.
 */
import * as Guarded from "@crewline/core/Guarded"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { createInterface, type Interface } from "node:readline"
import type { Keyboard } from "./Output.ts"

export interface Prompt {
  /** The next line; none when there will be no more. */
  readonly line: Effect.Effect<Option.Option<string>>
  /** Discards input typed before the question. */
  readonly forget: () => void
}

/** In the current scope: afterwards the keyboard is no longer read. */
export const make = Effect.fnUntraced(function* (keyboard: Keyboard) {
  const guarded = yield* Guarded.make
  const typed: Array<string> = []
  let reader: Interface | undefined
  let isOver = false
  let wake = () => {}

  const open = () => {
    if (reader !== undefined) return
    reader = createInterface({ input: keyboard, terminal: false })
    reader.on(
      "line",
      guarded("Reading a line", (line: string) => {
        typed.push(line)
        wake()
      })
    )
    reader.on(
      "close",
      guarded("Handling the end of the input", () => {
        isOver = true
        wake()
      })
    )
  }
  yield* Effect.addFinalizer(() => Effect.sync(() => reader?.close()))

  const prompt: Prompt = {
    forget: () => void typed.splice(0),
    line: Effect.callback<Option.Option<string>>((resume) => {
      const give = () => {
        const line = typed.shift()
        if (line !== undefined) resume(Effect.succeedSome(line))
        else if (isOver) resume(Effect.succeedNone)
      }
      open()
      wake = give
      give()
      return Effect.sync(() => {
        wake = () => {}
      })
    })
  }
  return prompt
})
