/** The `crewline` command in this process, with streams and an environment of its own. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import * as Cli from "../../src/Cli.ts"
import * as Output from "../../src/Cli/Output.ts"
import * as Process from "./Process.ts"

/** An example crew. */
export const example = (name: string): string => join(Process.examples, name)

/** Runs `crewline` with these arguments to its end. */
export const run = async (
  args: ReadonlyArray<string>,
  { env = {} }: { readonly env?: Record<string, string> } = {}
): Promise<Process.Ended> => {
  let [stdout, stderr] = ["", ""]
  const output = Output.layer({
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env
  })
  const exit = await Cli.program(args, { version: "1.0.0" }).pipe(
    Effect.provide(Layer.mergeAll(NodeServices.layer, output, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))),
    Effect.runPromiseExit
  )
  return { code: Cli.exitCodeOf(exit), stdout, stderr }
}
