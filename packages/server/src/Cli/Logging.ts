/**
 * The log of the command, on stderr: `CREWLINE_LOG_FORMAT` is `json` (an object a line) or
 * `pretty`, `CREWLINE_LOG_LEVEL` the lowest level that is written. A server or worker logs from
 * `info` on, as JSON unless stderr is a terminal, and writes nothing else to stderr then but why it
 * could not start; any other command, which shows a person what it does, logs from `warn` on, and
 * `pretty`.
 *
 * No line contains a secret: anything that looks like one is redacted, and so is every key,
 * password and token of the environment. Output of packages and of Node itself becomes lines at
 * level `debug`.
 */
import * as Guarded from "@crewline/core/Guarded"
import * as Redact from "@crewline/core/Redact"
import * as Tenant from "@crewline/core/Tenant"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Formatter from "effect/Formatter"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { format as formatArguments } from "node:util"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"

const levels: Record<string, LogLevel.LogLevel> = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  error: "Error",
  fatal: "Fatal",
  none: "None"
}

const formats = ["json", "pretty"] as const
type Format = (typeof formats)[number]

interface Settings {
  readonly format: Format
  readonly level: LogLevel.LogLevel
}

type Environment = Output.Output["Service"]["env"]

const setting = (env: Environment, name: string): string => (env[name] ?? "").trim().toLowerCase()

/** The settings of the environment, with defaults. Set but empty counts as unset. */
const settingsOf = (env: Environment, defaults: Settings): Effect.Effect<Settings, Failure.Failure> =>
  Effect.gen(function* () {
    const [format, level] = [setting(env, "CREWLINE_LOG_FORMAT"), setting(env, "CREWLINE_LOG_LEVEL")]
    const known = formats.find((name) => name === format)
    if (format !== "" && known === undefined) {
      return yield* Failure.invalid(
        `CREWLINE_LOG_FORMAT must be ${formats.join(" or ")}, not ${JSON.stringify(format)}.`
      )
    }
    if (level !== "" && !Object.hasOwn(levels, level)) {
      const names = Object.keys(levels).join(", ")
      return yield* Failure.invalid(`CREWLINE_LOG_LEVEL must be one of ${names}, not ${JSON.stringify(level)}.`)
    }
    return { format: known ?? defaults.format, level: levels[level] ?? defaults.level }
  })

/**
 * Shorter values are not treated as secrets, because redacting them would mangle ordinary lines.
 */
const shortest = 8

const isSecret = /(_KEY|_KEYS|_KEY_PREVIOUS|TOKEN|SECRET|PASSWORD|CREDENTIALS)$/i

/** Without its escapes; as it is where a percent sign begins none, as in `50%off`. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

interface Redactor {
  /**
   * A cheap check whether a line may contain something to redact: false positives are possible,
   * false negatives are not.
   */
  readonly isSuspect: (line: string) => boolean
  readonly redact: (text: string) => string
}

/** The longest part of a secret that is the same in every line format. */
const pieceOf = (secret: string): string =>
  (secret.match(/[\w./+=-]+/g) ?? []).reduce((longest, piece) => (piece.length > longest.length ? piece : longest), "")

/** Redacts anything that looks like a secret, and the secrets of the environment. */
const redactor = (env: Environment): Redactor => {
  const secrets = new Set<string>()
  const add = (secret: string) => {
    if (secret.trim().length >= shortest) secrets.add(secret.trim())
  }
  for (const [name, value = ""] of Object.entries(env)) {
    if (isSecret.test(name)) value.split(",").forEach(add)
    const password = URL.parse(value)?.password ?? ""
    if (password === "") continue
    add(password)
    add(decoded(password))
  }
  const pieces = [...secrets].map(pieceOf)
  return {
    isSuspect: (line) => Redact.isSuspect(line) || pieces.some((piece) => line.includes(piece)),
    redact: (text) => {
      let clean = Redact.redact(text)
      for (const secret of secrets) clean = clean.replaceAll(secret, "[redacted]")
      return clean
    }
  }
}

interface Line {
  readonly time: Date
  readonly level: LogLevel.LogLevel
  readonly message: string
  /** Ids, and what else was annotated. */
  readonly fields: { readonly [name: string]: unknown }
  /** Of a failure, with stacks. */
  readonly cause: string | undefined
}

const textOf = (part: unknown): string =>
  typeof part === "string" ? part : part instanceof Error ? part.message : Formatter.format(part)

const lineOf = (
  { cause, date, fiber, logLevel, message }: Logger.Options<unknown>,
  redact: (text: string) => string
): Line => {
  const parts = Array.isArray(message) ? (message as ReadonlyArray<unknown>) : [message]
  const thrown = parts.filter((part) => part instanceof Error)
  const causes = [...(cause.reasons.length === 0 ? [] : [cause]), ...thrown.map((error) => Cause.die(error))]
  const fields: Record<string, unknown> = {}
  const add = (name: string, value: unknown) => {
    if (value !== undefined)
      fields[name] = typeof value === "number" || typeof value === "boolean" ? value : redact(textOf(value))
  }
  add("tenant", fiber.getRef(Tenant.Current))
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  if (span !== undefined) {
    add("traceId", span.traceId)
    add("spanId", span.spanId)
  }
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  for (const name of Object.keys(annotations)) add(name, annotations[name])
  return {
    time: date,
    level: logLevel,
    message: redact(parts.map(textOf).join(": ")),
    fields,
    cause: causes.length === 0 ? undefined : redact(causes.map((each) => Cause.pretty(each)).join("\n"))
  }
}

const toJson = ({ cause, fields, level, message, time }: Line): string =>
  JSON.stringify({
    time: time.toISOString(),
    level: level.toLowerCase(),
    message,
    ...fields,
    ...(cause !== undefined && { cause })
  })

const styles = { Error: "bad", Fatal: "bad", Warn: "busy" } as const

// oxlint-disable-next-line no-control-regex -- these are what a terminal would obey
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g

/**
 * Untrusted text, made safe for a terminal: further lines are indented, and control sequences have
 * no effect.
 */
const shown = (text: string): string =>
  text
    .replaceAll("\n", "\n  ")
    .replace(controls, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)

const shownField = ([name, value]: [string, unknown]): string => {
  const text = String(value)
  return `${name}=${shown(/[\s"]/.test(text) ? JSON.stringify(text) : text)}`
}

const toPretty =
  (paint: Output.Output["Service"]["paint"]) =>
  (line: Line): string => {
    const { cause, level, message, time } = line
    // With a single tenant its name is noise, and spans are not for people.
    const { spanId: _, tenant, ...rest } = line.fields
    const fields = { ...rest, ...(tenant !== Tenant.defaultTenant && { tenant }) }
    const details = Object.entries(fields).map(shownField)
    const style = level in styles ? styles[level as keyof typeof styles] : "plain"
    const first = paint([
      { style: "dim", text: `${time.toISOString().slice(11, 23)} ` },
      { style, text: `${level.toUpperCase().padEnd(5)} ` },
      { style: "plain", text: shown(message) },
      { style: "dim", text: details.length === 0 ? "" : `  ${details.join(" ")}` }
    ])
    return cause === undefined ? first : `${first}\n  ${shown(cause)}`
  }

/** After lines of these levels, the process may end. */
const urgent: ReadonlySet<LogLevel.LogLevel> = new Set<LogLevel.LogLevel>(["Warn", "Error", "Fatal"])

/** Lines of the log, to stderr. */
const layer = ({ format, level }: Settings, { env, line, paint }: Output.Output["Service"]): Layer.Layer<never> => {
  const { isSuspect, redact } = redactor(env)
  const print = format === "json" ? toJson : toPretty(paint)
  const printed = (options: Logger.Options<unknown>) => {
    // One check of the whole line instead of ten checks of each of its fields.
    const text = print(lineOf(options, (part) => part))
    return isSuspect(text) ? print(lineOf(options, redact)) : text
  }
  return Layer.merge(
    Logger.layer([Logger.make((options) => line(printed(options), urgent.has(options.logLevel)))]),
    Layer.succeed(References.MinimumLogLevel, level)
  )
}

/** Gives a command its log. */
export const forCommand = <A, E, R>(
  command: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Failure.Failure, R | Output.Output> =>
  Effect.gen(function* () {
    const output = yield* Output.Output
    const settings = yield* settingsOf(output.env, { format: "pretty", level: "Warn" })
    return yield* Effect.provide(command, layer(settings, output))
  })

const consoleMethods = ["debug", "error", "info", "log", "trace", "warn"] as const

/** Takes what packages and Node print into the log, for as long as the scope is open. */
const capture = Effect.gen(function* () {
  const guarded = yield* Guarded.make
  const run = Effect.runForkWith(yield* Effect.context<never>())
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const listeners = process.listeners("warning")
      const methods = consoleMethods.map((name) => [name, console[name]] as const)
      process.removeAllListeners("warning")
      process.on(
        "warning",
        guarded("Logging a warning of Node", ({ message, name }: Error) => run(Effect.logDebug(`${name}: ${message}`)))
      )
      for (const name of consoleMethods) console[name] = (...args) => run(Effect.logDebug(formatArguments(...args)))
      return { listeners, methods }
    }),
    ({ listeners, methods }) =>
      Effect.sync(() => {
        process.removeAllListeners("warning")
        for (const listener of listeners) process.on("warning", guarded("Printing a warning of Node", listener))
        for (const [name, method] of methods) console[name] = method
      })
  )
})

/** Logs why a process could not continue, instead of writing it to stderr. */
const failing = <E>(cause: Cause.Cause<E>): Effect.Effect<never, E | Failure.Failure> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
  const error = Cause.squash(cause)
  const isFailure = error instanceof Failure.Failure
  return Effect.andThen(
    isFailure ? Effect.logError(error.message) : Effect.logError("The process failed", cause),
    Effect.fail(new Failure.Failure({ message: "", code: isFailure ? error.code : Failure.exitCode.failed }))
  )
}

/**
 * Gives a server or a worker its log; as JSON, everything that it says on stderr is a line of the
 * log.
 */
export const forServer = <A, E, R>(
  server: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Failure.Failure, R | Output.Output> =>
  Effect.gen(function* () {
    const output = yield* Output.Output
    const format = output.terminal === undefined ? "json" : "pretty"
    const settings = yield* settingsOf(output.env, { format, level: "Info" })
    const logged = Effect.scoped(Effect.andThen(capture, server))
    if (settings.format !== "json") return yield* Effect.provide(logged, layer(settings, output))
    // A person who started it reads why it could not start, unless JSON was asked for.
    const isAskedFor = setting(output.env, "CREWLINE_LOG_FORMAT") !== ""
    return yield* logged.pipe(
      Effect.catchCause((cause) => (isAskedFor ? failing(cause) : Effect.failCause(cause))),
      Effect.provideService(Output.Output, { ...output, say: (text) => Effect.logInfo(text) }),
      Effect.provide(layer(settings, output))
    )
  })
