/**
 * `crewline start`, which is what `npm start` runs: a server with an embedded database, a crew
 * stored in it, one execution of it shown live, and the URLs to continue with. Keeps running until
 * Control-C.
 */
import * as Crew from "@crewline/core/Crew"
import * as Crewline from "@crewline/core/Crewline"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as CrewStore from "../ResourceStore/Crews.ts"
import * as AskText from "./AskText.ts"
import * as Criteria from "./Criteria.ts"
import * as CrewSource from "./CrewSource.ts"
import * as Failure from "./Failure.ts"
import type { Inputs } from "./Inputs.ts"
import * as Live from "./Live.ts"
import * as Output from "./Output.ts"
import * as Models from "./Models.ts"
import * as Tools from "./Tools.ts"
import * as Serve from "./Serve.ts"
import type * as Settings from "./Settings.ts"
import * as Watch from "./Watch.ts"

export interface Options extends Settings.Flags {
  readonly file: Option.Option<string>
  readonly inputs: Inputs
  readonly model: Option.Option<string>
}

/** The example of the repository. */
const exampleFile = fileURLToPath(new URL("../../../../examples/crews/planets.yaml", import.meta.url))

export const start = Effect.fn("Start.start")(function* (options: Options) {
  const output = yield* Output.Output
  const file = Option.getOrElse(options.file, () => exampleFile)
  if (!existsSync(file) && Option.isNone(options.file)) {
    return yield* Failure.invalid("There is no example crew here. Pass a crew file: crewline start crew.yaml")
  }
  const { crew, directory } = yield* CrewSource.load({ file, inputs: options.inputs, tools: yield* Tools.names })
  yield* output.say("Starting the server; the first start creates its database, which takes a few seconds …")
  const { services, url } = yield* Serve.build(options, directory)
  const executionId = yield* Effect.provideContext(execute(crew, options), services)
  yield* output.result(addresses(url, executionId))
  return yield* Serve.stay
}, Effect.scoped)

/**
 * Runs the crew once and shows it. If the server is stopped meanwhile, the execution continues at
 * its next start.
 */
const execute = Effect.fnUntraced(function* (stored: Crew.Crew, { data, inputs, model }: Options) {
  const crewline = yield* Crewline.Crewline
  const output = yield* Output.Output
  const crewId = yield* store(Crew.toJson(stored))
  const crew = CrewSource.withModel(stored, model)
  yield* Models.announce(crew)
  const handle = yield* crewline.start(crew, { inputs, crewId })
  const tell = yield* telling(handle.id, data)
  const events = Stream.tap(handle.events, (event) =>
    event.type === "TaskSuspended" && event.asks !== undefined && event.asks.length > 0 ? tell : Effect.void
  )
  yield* Live.show(events, { json: false })
  yield* Effect.matchEffect(handle.result, {
    onFailure: (error) => output.say(`The execution could not be started: ${error.message}`),
    onSuccess: ({ criteria = [], output: came }) =>
      output.result([`\n${Watch.asText(came)}\n`, ...(criteria.length > 0 ? Criteria.lines(criteria) : [])].join("\n"))
  })
  return handle.id
}, Effect.mapError(Failure.because))

/**
 * Prints each ask once, with how to answer it. It does not prompt at the terminal, which the server
 * uses.
 */
const telling = Effect.fnUntraced(function* (executionId: string, data: Options["data"]) {
  const crewline = yield* Crewline.Crewline
  const { say } = yield* Output.Output
  const told = new Set<string>()
  return Effect.gen(function* () {
    for (const ask of yield* crewline.asks({ executionId, state: "open", limit: 1_000 })) {
      if (told.has(ask.id)) continue
      told.add(ask.id)
      const commands = AskText.commands(ask, data).map((command) => `  ${command}`)
      yield* say(["", ...AskText.lines(ask), "Answer it in another shell, with one of:", ...commands, ""].join("\n"))
    }
  })
})

/** Stores the crew, or brings the stored one of this name up to date; answers its id. */
const store = Effect.fnUntraced(function* (definition: Crew.Definition) {
  const crews = yield* CrewStore.CrewStore
  const known = yield* crews.find(definition.name)
  if (known === undefined) return (yield* crews.create(definition)).id
  const isSame = JSON.stringify(known.body) === JSON.stringify(definition)
  return isSame ? known.id : (yield* crews.replace(known.id, definition)).id
})

const addresses = (url: string, executionId: string): string =>
  [
    `The server runs until Control-C:`,
    `  API reference   ${url}/docs`,
    `  This execution  ${url}/api/v1/executions/${executionId}`,
    `  Its events      ${url}/api/v1/executions/${executionId}/events`,
    `  Stored crews    ${url}/api/v1/crews`
  ].join("\n")
