/** The tools that the command gives to crews: all built-in ones, inside of one directory. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const builtIn = Effect.promise(() => import("@crewline/tools"))

/** The toolbox of crews that work in this directory. */
export const layer = (workspace: string) => Layer.unwrap(Effect.map(builtIn, (tools) => tools.layer({ workspace })))

/** The names of the tools that there are, whatever the directory. */
export const names = Effect.gen(function* () {
  const { make } = yield* builtIn
  return (yield* make({ workspace: "." })).map(({ name }) => name)
})
