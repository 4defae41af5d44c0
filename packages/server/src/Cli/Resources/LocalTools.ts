/** The tools of this process, with `CREWLINE_WORKSPACE` itself as their workspace. */
import { Toolbox, ToolFailed } from "@crewline/core/Toolbox"
import * as GuardedDirectory from "@crewline/tools/GuardedDirectory"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ToolTrial from "../../ToolTrial.ts"
import * as ToolView from "../../ToolView.ts"
import * as Environment from "../Environment.ts"
import * as Failure from "../Failure.ts"
import { layer } from "../Tools.ts"
import type { Tools } from "./Connection.ts"

const noServer = Effect.fail(
  Failure.failed(
    "No server is running, and only a server has registered tools: start one with crewline serve, or set CREWLINE_URL."
  )
)

/** In the current scope. */
export const tools = Effect.gen(function* () {
  const toolbox = Context.get(yield* Layer.build(layer), Toolbox)
  const connection: Tools = {
    list: Effect.flatMap(toolbox.list, (all) => Effect.forEach(all, (tool) => ToolView.of(tool))).pipe(
      Effect.mapError(Failure.because)
    ),
    test: (name, args) =>
      Effect.gen(function* () {
        const directory = yield* Environment.workspace(Option.none())
        const workspace = GuardedDirectory.make({ directory })
        const call = { name, args, workspace, executionId: "crewline-tools-test" }
        return yield* Effect.result(Effect.mapError(ToolTrial.run(toolbox, call), failed))
      }),
    register: () => noServer,
    remove: () => noServer
  }
  return connection
})

const failed = (error: ToolTrial.Failure) =>
  error._tag === "ToolRetry" || error._tag === "ToolFailed"
    ? error
    : new ToolFailed({
        message: error.message,
        code: error._tag === "UnknownTool" ? "unknown-tool" : "unavailable"
      })
