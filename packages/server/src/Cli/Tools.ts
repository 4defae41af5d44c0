/** The tools that the command provides: all built-in tools, configured by the environment. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Environment from "./Environment.ts"

const builtIn = Effect.promise(() => import("@crewline/tools"))

/** The toolbox. */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const tools = yield* builtIn
    return tools.layer(yield* Environment.read(tools.config))
  })
)

/** The names of all tools, regardless of their configuration. */
export const names = Effect.map(builtIn, ({ make }) => make().map(({ name }) => name))
