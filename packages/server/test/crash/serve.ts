/**
 * A server like `crewline serve`, with two differences for tests: tools that record every call,
 * with and without a person's approval, and a different grace period (`GRACE_MILLIS`).
 */
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Providers from "@crewline/llm/Providers"
import * as Database from "@crewline/memory-pg/Database"
import * as Queue from "@crewline/server/Queue"
import * as Listener from "@crewline/server/Listener"
import * as Server from "@crewline/server/Server"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { appendFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

const config = Config.all({
  listen: Server.listenConfig,
  database: Database.config,
  lease: Server.leaseConfig,
  queue: Queue.config,
  workspace: Config.NonEmptyString("CREWLINE_WORKSPACE"),
  graceMillis: Config.withDefault(Config.Int("GRACE_MILLIS"), 5_000)
})

/** Appends a line with the name of its call to a file, in the middle of a pause. */
const append = (workspace: string) =>
  Tool.make({
    name: "append",
    description: "Appends a line to the journal. Every call counts.",
    parameters: {
      type: "object",
      properties: { line: { type: "string" } },
      required: ["line"],
      additionalProperties: false
    },
    execute: async ({ line }, { idempotencyKey }) => {
      await sleep(20)
      appendFileSync(join(workspace, "journal.txt"), `${idempotencyKey}\n`)
      await sleep(20)
      return `appended ${JSON.stringify(line)}`
    }
  })

/** Writes a letter to a file, in the middle of a pause, once a person has approved it. */
const letter = (workspace: string, name: string, idempotent: boolean) =>
  Tool.make({
    name,
    description: "Sends a letter. Every call counts.",
    parameters: {
      type: "object",
      properties: { to: { type: "string" } },
      required: ["to"],
      additionalProperties: false
    },
    approval: true,
    idempotent,
    execute: async ({ to }, { executionId, idempotencyKey }) => {
      await sleep(15)
      appendFileSync(
        join(workspace, "letters.txt"),
        `${JSON.stringify({ executionId, idempotencyKey, tool: name, to })}\n`
      )
      await sleep(15)
      return `sent to ${JSON.stringify(to)}`
    }
  })

const program = Effect.gen(function* () {
  const { graceMillis, ...options } = yield* config
  const services = yield* Layer.build(
    Server.layer({
      ...options,
      worker: { graceMillis },
      llm: Providers.layerConfig,
      toolbox: Toolbox.layer([
        append(options.workspace),
        letter(options.workspace, "send", false),
        letter(options.workspace, "note", true)
      ])
    })
  )
  yield* Console.log(`Crewline listens on ${Context.get(services, Listener.Listener).url}`)
  return yield* Effect.never
})

NodeRuntime.runMain(Effect.scoped(program))
