/** The real server on a free port, with a fresh database and a model provided by the test. */
import type * as Llm from "@crewline/core/Llm"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Listener from "@crewline/server/Listener"
import * as Server from "@crewline/server/Server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as FreshDatabase from "./FreshDatabase.ts"
import * as Model from "./Model.ts"

const clock: Toolbox.Tool = {
  name: "clock",
  description: "Tells the time.",
  parameters: { type: "object", properties: {}, additionalProperties: false },
  idempotent: true,
  execute: () => Effect.succeed("noon")
}

export const toolbox: Layer.Layer<Toolbox.Toolbox> = Layer.succeed(Toolbox.Toolbox, {
  list: Effect.succeed([clock]),
  get: (name) =>
    name === clock.name
      ? Effect.succeed(clock)
      : Effect.fail(new Toolbox.UnknownTool({ tool: name, known: [clock.name] }))
})

export interface Options extends Partial<Omit<Server.Options, "llm">> {
  readonly answer?: Model.Answer
  /** Replaces the model made from `answer`. */
  readonly llm?: Layer.Layer<Llm.Llm>
  /** Loggers and tracers; without them nothing is logged. */
  readonly observe?: Layer.Layer<never>
}

export interface Running {
  readonly url: string
  readonly services: Context.Context<Server.Services>
  readonly stop: () => Promise<void>
}

/** Starts a server; `stop` releases it as SIGTERM would. */
export const start = async (options: Options = {}): Promise<Running> => {
  const { answer = Model.echo, observe, ...rest } = options
  const workspace = await mkdtemp(join(tmpdir(), "crewline-server-"))
  const scope = Scope.makeUnsafe()
  const database = rest.database === undefined ? await FreshDatabase.fresh() : undefined
  const services = await Effect.runPromise(
    Layer.buildWithScope(
      Server.layer({
        listen: { host: "127.0.0.1", port: 0, allowedHosts: [] },
        database: database?.options ?? { kind: "memory" },
        workspace,
        llm: Model.layer(answer),
        toolbox,
        ...rest
        // Faults provoked by tests are not printed.
      }).pipe(Layer.provide(observe ?? Layer.succeed(References.MinimumLogLevel, "None"))),
      scope
    )
  )
  return {
    url: Context.get(services, Listener.Listener).url,
    services,
    stop: async () => {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await database?.drop()
      await rm(workspace, { recursive: true, force: true })
    }
  }
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  // Tests read bodies of every shape, and fail if the shape is different.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** A request with a JSON body, and its answer. */
export const request = async (
  url: string,
  options: {
    readonly method?: string
    readonly body?: unknown
    /** Sent unchanged. */
    readonly text?: string
    readonly headers?: Record<string, string>
  } = {}
): Promise<Answered> => {
  const text = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body))
  const response = await fetch(url, {
    method: options.method ?? (text === undefined ? "GET" : "POST"),
    ...(text !== undefined && { body: text }),
    headers: { ...(text !== undefined && { "content-type": "application/json" }), ...options.headers }
  })
  const content = await response.text()
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "")
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(content) : content }
}
