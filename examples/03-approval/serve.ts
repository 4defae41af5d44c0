/** The same crew behind the HTTP API: see README.md for what to send. `npm run serve` */
import * as Toolbox from "@crewline/core/Toolbox"
import * as Providers from "@crewline/llm/Providers"
import * as Listener from "@crewline/server/Listener"
import * as Server from "@crewline/server/Server"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { tools } from "./letter.ts"

const server = Layer.unwrap(
  Effect.map(Server.listenConfig, (listen) =>
    Server.layer({
      listen,
      database: { kind: "embedded", directory: process.env["CREWLINE_DATA"] ?? ".crewline" },
      workspace: ".",
      llm: Providers.layerConfig,
      toolbox: Toolbox.layer(tools)
    })
  )
)

const program = Effect.gen(function* () {
  const { url } = yield* Listener.Listener
  yield* Console.log(`Listening on ${url}`)
  return yield* Effect.never
})

program.pipe(Effect.provide(server), NodeRuntime.runMain)
