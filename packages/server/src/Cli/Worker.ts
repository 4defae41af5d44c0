/** `crewline worker`: runs tasks for servers elsewhere, until SIGTERM or Control-C. */
import * as Llm from "@crewline/core/Llm"
import * as CoreWorker from "@crewline/core/Worker"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Engine from "../Engine.ts"
import * as Lanes from "../Queue/Lanes.ts"
import * as Watchdog from "../Watchdog.ts"
import * as Environment from "./Environment.ts"
import * as Failure from "./Failure.ts"
import * as Models from "./Models.ts"
import * as Logging from "./Logging.ts"
import * as Output from "./Output.ts"
import * as Serve from "./Serve.ts"
import * as Settings from "./Settings.ts"
import * as Tools from "./Tools.ts"

export interface Options {
  readonly concurrency: number
  readonly lanes: Option.Option<Lanes.Lanes>
  /** Seconds. */
  readonly grace: number
  readonly name: Option.Option<string>
  readonly workspace: Option.Option<string>
}

export const worker = Effect.fnUntraced(
  function* (options: Options) {
    const { result, say } = yield* Output.Output
    const database = yield* Settings.database(Option.none())
    const queue = yield* Settings.sharedQueue(database)
    const shared = yield* Settings.shared
    const workspace = Option.isSome(options.workspace)
      ? options.workspace.value
      : yield* Environment.workspace(Option.none())
    let began = false
    yield* Effect.addFinalizer(() => (began ? say("Stopped.") : Effect.void))
    const services = yield* Layer.build(
      Engine.layer({
        ...shared,
        database,
        workspace,
        queue,
        worker: {
          concurrency: options.concurrency,
          graceMillis: options.grace * 1_000,
          ...(Option.isSome(options.lanes) && { lanes: options.lanes.value }),
          ...(Option.isSome(options.name) && { name: options.name.value })
        },
        follows: false,
        llm: Models.layer,
        toolbox: Tools.layer
      }).pipe(Layer.provide(NodeServices.layer))
    ).pipe(Effect.mapError(Failure.because))
    yield* Layer.build(Watchdog.layer(shared.lease))
    began = true
    const { name, running } = Context.get(services, CoreWorker.Worker)
    yield* Effect.addFinalizer(() =>
      Effect.flatMap(running, (leases) =>
        leases.length === 0
          ? Effect.void
          : say(
              `Stopping: ${leases.length} ${leases.length === 1 ? "task runs" : "tasks run"} here, with ${options.grace} s to finish before being handed back.`
            )
      )
    )
    const lanes = Option.match(options.lanes, { onNone: () => "", onSome: (each) => `, of them ${Lanes.toText(each)}` })
    yield* result(`Worker ${name} runs up to ${options.concurrency} concurrent tasks${lanes}.`)
    const standard = yield* Effect.option(Context.get(services, Llm.Llm).resolve(undefined))
    if (Option.isSome(standard)) yield* say(`Agents without a model use ${standard.value.reference}.`)
    return yield* Serve.stay
  },
  Effect.scoped,
  Logging.forServer
)
