/**
 * One run of code: QuickJS in WebAssembly, in a separate thread. Terminating the thread stops the
 * code anywhere, even inside native operations such as sorting.
 */
import { type ToolError, ToolFailed } from "@crewline/core/Toolbox"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"
import { Worker } from "node:worker_threads"
import * as Thread from "./Thread.ts"

export interface Options {
  readonly timeoutMillis: number
  /** In MiB. */
  readonly maxMemory: number
  readonly call: (name: string, args: Schema.JsonObject) => Effect.Effect<Schema.Json, ToolError>
}

export type End =
  /** The value as JSON; text as it is. */
  | { readonly _tag: "Returned"; readonly value: string; readonly log: string }
  | { readonly _tag: "Failed"; readonly code: string; readonly message: string; readonly log: string }

/** Maximum number of concurrent calls, and of calls in total. */
const maxCalls = 100

interface Engine {
  readonly url: string
  readonly module: object
}

/** Every runtime has it, but only the DOM types declare it. */
const webAssembly = Reflect.get(globalThis, "WebAssembly") as {
  readonly compile: (bytes: Uint8Array) => Promise<object>
}

let loading: Promise<Engine> | undefined
const load = (): Promise<Engine> =>
  (loading ??= (async () => {
    const { resolve } = createRequire(import.meta.url)
    const module = await webAssembly.compile(await readFile(resolve("quickjs-wasi/quickjs.wasm")))
    return { url: pathToFileURL(resolve("quickjs-wasi")).href, module }
  })())

/** The engine is an optional dependency, loaded on first use. */
const engine: Effect.Effect<Engine, ToolFailed> = Effect.tryPromise({
  try: load,
  catch: (cause) => {
    loading = undefined
    const message = "code_run requires the package quickjs-wasi, which is not installed: npm install quickjs-wasi"
    return new ToolFailed({ message, code: "not-configured", cause })
  }
})

/** Runs the body of an async function. */
export const run = (code: string, options: Options): Effect.Effect<End, ToolFailed> =>
  Effect.flatMap(Effect.all([engine, Effect.context<never>()]), ([engine, context]) =>
    inThread(engine, code, { ...options, context })
  )

/** The tenant of the calls, among others, is in the context. */
interface InContext extends Options {
  readonly context: Context.Context<never>
}

const inThread = (engine: Engine, code: string, options: InContext): Effect.Effect<End> =>
  Effect.callback<End>((resume) => {
    const { maxMemory, timeoutMillis } = options
    const settings: Thread.Settings = { ...engine, code, maxBytes: maxMemory * 1024 * 1024 }
    // As text, so that bundling cannot lose the file of the thread.
    const worker = new Worker(`(${Thread.main.toString()})((url) => import(url))`, {
      eval: true,
      workerData: settings,
      env: {},
      argv: [],
      execArgv: [],
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: maxMemory + 32, maxYoungGenerationSizeMb: 8, stackSizeMb: 4 },
      name: "crewline-code"
    })
    const calls = new Calls(options, (reply) => worker.postMessage(reply))
    let log = ""
    let isOver = false
    const end = (ended: End) => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      void Promise.all([calls.stop(), worker.terminate()]).then(
        () => resume(Effect.succeed(ended)),
        () => resume(Effect.succeed(ended))
      )
    }
    const failed = (code: string, message: string) => end({ _tag: "Failed", code, message, log })
    const timer = setTimeout(
      () => failed("timeout", `The code did not finish within ${timeoutMillis / 1_000} s and was stopped.`),
      timeoutMillis
    )
    worker.on("error", (error: Error) => {
      const isMemory = "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY"
      if (isMemory) failed("memory-exceeded", exceeded(maxMemory))
      else failed("sandbox-failed", `The sandbox failed: ${error.message}`)
    })
    worker.on("exit", () => failed("sandbox-failed", "The sandbox exited before the code finished."))
    worker.on("message", (message: Thread.Message) => {
      switch (message._tag) {
        case "Log": {
          log = message.text
          return
        }
        case "Call":
          return calls.make(message)
        case "Returned":
          return end({ _tag: "Returned", value: message.value, log })
        case "Threw": {
          if (message.isMemory) return failed("memory-exceeded", exceeded(maxMemory))
          return failed("code-failed", message.text)
        }
      }
    })
    return Effect.promise(async () => {
      clearTimeout(timer)
      await Promise.all([calls.stop(), worker.terminate()])
    })
  })

const exceeded = (maxMemory: number): string => `The code needed more than ${maxMemory} MiB of memory and was stopped.`

/** The tools that the code calls. */
class Calls {
  readonly #options: InContext
  readonly #reply: (reply: Thread.Reply) => void
  readonly #running = new Set<Fiber.Fiber<Schema.Json, ToolError>>()
  #made = 0

  constructor(options: InContext, reply: (reply: Thread.Reply) => void) {
    this.#options = options
    this.#reply = reply
  }

  make({ args, id, name }: Extract<Thread.Message, { readonly _tag: "Call" }>): void {
    const refuse = (value: string, code?: string) =>
      this.#reply({ id, isFailure: true, value, ...(code === undefined ? {} : { code }) })
    if (this.#made++ >= maxCalls) return refuse(`The code made more than ${maxCalls} calls.`)
    const parsed = parse(args)
    if (!Predicate.isReadonlyObject(parsed)) return refuse("The arguments of a tool must be an object.")
    // A parsed value is JSON.
    const fiber = Effect.runForkWith(this.#options.context)(this.#options.call(name, parsed as Schema.JsonObject))
    this.#running.add(fiber)
    fiber.addObserver((exit) => {
      this.#running.delete(fiber)
      if (Exit.isSuccess(exit)) return this.#reply({ id, isFailure: false, value: JSON.stringify(exit.value) })
      const error = exit.cause.reasons.find((reason) => reason._tag === "Fail")
      refuse(error === undefined ? "The tool failed." : error.error.message, error?.error.code)
    })
  }

  /** Interrupts the calls that still run, and waits for their end. */
  async stop(): Promise<void> {
    await Effect.runPromise(Fiber.interruptAll(this.#running))
  }
}

/** `undefined`: the result of the code cannot be represented in JSON. */
const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
