/** The tools that the command gives to crews: all built-in ones, configured by the environment. */
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

/** The names of the tools that there are, however they are configured. */
export const names = Effect.map(builtIn, ({ make }) => make().map(({ name }) => name))
