/** A server with a watchdog of one second, whose model blocks the process forever on request. */
import * as Database from "@crewline/memory-pg/Database"
import * as Listener from "@crewline/server/Listener"
import * as Queue from "@crewline/server/Queue"
import * as Server from "@crewline/server/Server"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Watchdog from "../../src/Watchdog.ts"
import * as Model from "./Model.ts"
import { toolbox } from "./Server.ts"

const config = Config.all({ listen: Server.listenConfig, database: Database.config })

/** Blocks before the first answer. */
const answer: Model.Answer = (request) => {
  if (JSON.stringify(request.messages).includes("Block for ever.")) for (;;);
  return Effect.succeed("Done.")
}

const program = Effect.gen(function* () {
  const services = yield* Layer.build(
    Server.layer({
      ...(yield* config),
      queue: Queue.local,
      lease: Duration.seconds(1),
      workspace: ".",
      llm: Model.layer(answer),
      toolbox
    })
  )
  yield* Layer.build(Watchdog.layerMax(Duration.seconds(1)))
  yield* Console.log(`Crewline listens on ${Context.get(services, Listener.Listener).url}`)
  return yield* Effect.never
})

NodeRuntime.runMain(Effect.scoped(program))
