/** The `crewline` command in this process, with its own streams and environment. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import { PassThrough, Readable } from "node:stream"
import * as Cli from "../../src/Cli.ts"
import * as Output from "../../src/Cli/Output.ts"
import * as Process from "./Process.ts"

/** An example crew. */
export const example = (name: string): string => join(Process.examples, name)

export interface Options {
  readonly env?: Record<string, string>
  /** Standard input; absent: empty. */
  readonly input?: string
  /**
   * The person at the terminal: returns the line to type after the output since the last one;
   * `null` ends the input. Absent: no terminal.
   */
  readonly person?: (shown: string) => string | null | undefined
}

/** Runs `crewline` with these arguments until it exits. */
export const run = async (
  args: ReadonlyArray<string>,
  { env = {}, input, person }: Options = {}
): Promise<Process.Ended> => {
  let [stdout, stderr] = ["", ""]
  let fresh = ""
  const stdin = Object.assign(new PassThrough(), { isTTY: true })
  const show = (text: string) => {
    stderr += text
    fresh += text
    const line = person?.(fresh)
    if (line === undefined) return
    fresh = ""
    // Input is typed only after pending output was written.
    setImmediate(() => (line === null ? stdin.end() : stdin.write(`${line}\n`)))
  }
  const output = Output.layer({
    ...(person !== undefined && { stdin }),
    ...(input !== undefined && { stdin: Readable.from([input]) }),
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: show, isTTY: person !== undefined },
    env
  })
  const exit = await Cli.program(args, { version: "1.0.0" }).pipe(
    Effect.provide(Layer.mergeAll(NodeServices.layer, output, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))),
    Effect.runPromiseExit
  )
  return { code: Cli.exitCodeOf(exit), stdout, stderr }
}
