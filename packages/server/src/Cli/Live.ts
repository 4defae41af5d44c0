/**
 * Shows an execution while it runs: as a tree that is redrawn in a terminal, as one line per event
 * in a pipe or a log, or as one JSON object per event on stdout for programs. Ends when the events
 * end, with the last view.
 */
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Output from "./Output.ts"
import * as Transcript from "./Transcript.ts"
import * as Layout from "./View/Layout.ts"
import * as View from "./View.ts"

/** Between two frames, in milliseconds: smooth to the eye. */
const framePause = 80
/**
 * Drawing takes at most this part of the time: a frame of 10,000 tasks takes 40 ms, one of ten
 * tasks a fraction of one.
 */
const drawingShare = 1 / 20

export interface Options {
  /** One stored event per line on stdout, instead of human-readable output. */
  readonly json: boolean
  /** Held by other writers to the terminal; nothing is drawn in the meantime. */
  readonly turn?: Semaphore.Semaphore
}

/** Follows `events` to their end. */
export const show = Effect.fn("Live.show")(function* <E>(
  events: Stream.Stream<ExecutionEvent.Followed, E>,
  options: Options
) {
  const output = yield* Output.Output
  let view = View.empty
  const each = (f: (event: ExecutionEvent.Followed) => Effect.Effect<void>) =>
    Stream.runForEach(events, (event) => {
      view = View.apply(view, event)
      return f(event)
    })
  if (options.json) {
    yield* each((event) => (ExecutionEvent.isStored(event) ? output.result(JSON.stringify(event)) : Effect.void))
  } else if (output.terminal === undefined) {
    yield* each((event) => {
      const line = Transcript.line(view, event)
      return line === undefined ? Effect.void : output.say(line)
    })
  } else {
    const { terminal } = output
    let frame = 0
    const lines = (rows?: number) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        // The last column stays free: a character there makes some terminals wrap, others not.
        Layout.lines(view, {
          columns: terminal.columns() - 1,
          now,
          frame: frame++,
          ...(rows === undefined ? {} : { rows })
        })
      )
    const turn = options.turn ?? Semaphore.makeUnsafe(1)
    const draw = Effect.gen(function* () {
      const before = yield* Clock.currentTimeMillis
      terminal.draw(yield* lines(terminal.rows() - 1))
      const taken = (yield* Clock.currentTimeMillis) - before
      return Math.max(framePause, taken / drawingShare)
    }).pipe(turn.withPermit, Effect.flatMap(Effect.sleep))
    yield* each(() => Effect.void).pipe(
      Effect.raceFirst(Effect.forever(draw)),
      Effect.ensuring(Effect.suspend(() => Effect.map(lines(), terminal.finish)))
    )
  }
  return view
})
