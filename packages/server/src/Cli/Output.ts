/**
 * Where the command writes: results to stdout, all else to stderr, so that
 * `crewline run … > report.md` writes only the report. What is said while something is drawn stands
 * above it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { text } from "node:stream/consumers"
import * as Lines from "./Lines.ts"
import * as Screen from "./Screen.ts"

/** A terminal, with a block of lines to draw on it. */
export interface Terminal extends Screen.Screen {
  readonly columns: () => number
  readonly rows: () => number
}

export class Output extends Context.Service<
  Output,
  {
    /** Writes the text and a line break to stdout. */
    readonly result: (text: string) => Effect.Effect<void>
    /** Writes the text and a line break to stderr. */
    readonly say: (text: string) => Effect.Effect<void>
    /** stderr as a terminal to draw on; absent when it is none. */
    readonly terminal: Terminal | undefined
    /**
     * stdin as a keyboard, for questions in the terminal; absent when there is none, or nothing to
     * show them on.
     */
    readonly keyboard: Keyboard | undefined
    /** All of stdin; absent when it is a terminal, or empty. */
    readonly input: Effect.Effect<string> | undefined
    /** True when stdout is read by a person and not by a program. */
    readonly resultIsForPeople: boolean
    /** Text in a style, as stderr can show it. */
    readonly paint: Screen.Paint
    /**
     * Writes a log line to stderr, above the drawn area. Unless stderr is a terminal, lines that
     * are not urgent are collected for a moment.
     */
    readonly line: (text: string, isUrgent: boolean) => void
    /** The environment of the process. */
    readonly env: { readonly [name: string]: string | undefined }
  }
>()("@crewline/server/Cli/Output") {}

/** Where a person types. */
export type Keyboard = NodeJS.ReadableStream & { readonly isTTY?: boolean }

interface Stream {
  readonly write: (text: string) => unknown
  readonly on?: (event: "error", listener: (error: Error) => void) => unknown
  readonly columns?: number
  readonly rows?: number
  readonly isTTY?: boolean
}

export interface Options {
  readonly stdin?: Keyboard
  readonly stdout: Stream
  readonly stderr: Stream
  readonly env: { readonly [name: string]: string | undefined }
}

/**
 * Output to the two streams of a process. A terminal gets colours unless `NO_COLOR` is set or
 * `TERM` is `dumb`; anything else only when `FORCE_COLOR` is set.
 */
export const layer = (options: Options): Layer.Layer<Output> => Layer.unwrap(make(options))

const withoutErrors = new WeakSet<Stream>()

/**
 * A stream whose reader has exited must not end the process, because the error cannot be reported.
 * Listens only once, because a process may make several layers; and until the process ends, because
 * errors of the last lines occur after the layer is released.
 */
const ignoreErrorsOf = (stream: Stream) => {
  if (withoutErrors.has(stream)) return
  withoutErrors.add(stream)
  stream.on?.("error", () => undefined)
}

const make = Effect.fnUntraced(function* ({ env, stderr, stdin, stdout }: Options) {
  const isSet = (name: string) => env[name] !== undefined && env[name] !== ""
  const isTerminal = stderr.isTTY === true && env.TERM !== "dumb"
  const isForced = isSet("FORCE_COLOR") && env.FORCE_COLOR !== "0"
  const paint = Screen.paint(!isSet("NO_COLOR") && (isTerminal || isForced))
  // A terminal that does not know its size reports 0.
  const size = { columns: () => Math.max(20, stderr.columns || 80), rows: () => Math.max(6, stderr.rows || 24) }
  const screen = Screen.make({ ...size, write: (text) => stderr.write(text) }, paint)
  ignoreErrorsOf(stderr)
  const lines = yield* Lines.make((text) => stderr.write(text))
  const line = isTerminal ? (text: string) => screen.print(text) : lines.add
  const say = (text: string) => line(text, true)
  // Until a command has its own log (`Logging`), lines must not mix with results, nor run through
  // what is drawn.
  const logger = Logger.layer([Logger.map(Logger.formatLogFmt, say)])
  const output = Layer.succeed(Output, {
    result: (text) =>
      Effect.sync(() => {
        // Both may be one file.
        lines.flush()
        stdout.write(`${text}\n`)
      }),
    say: (text) => Effect.sync(() => say(text)),
    terminal: isTerminal ? { ...screen, ...size } : undefined,
    keyboard: isTerminal && stdin?.isTTY === true ? stdin : undefined,
    input: stdin === undefined || stdin.isTTY === true ? undefined : Effect.promise(() => text(stdin)),
    resultIsForPeople: stdout.isTTY === true,
    paint,
    line,
    env
  })
  return Layer.merge(output, logger)
})
