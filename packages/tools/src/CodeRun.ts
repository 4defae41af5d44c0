/**
 * The tool `code_run` runs JavaScript in a sandbox, WebAssembly in a thread that is terminated at
 * its limits. It has no network, no disk, no independent clock and no Node APIs; it may call the
 * agent's tools, under the same policies as direct calls.
 */
import { type ToolError, ToolFailed } from "@crewline/core/Toolbox"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as Sandbox from "./CodeRun/Sandbox.ts"

export interface Options {
  /** Time limit of a run, in milliseconds, including its tool calls. Default: 10,000. */
  readonly timeoutMillis?: number
  /** Memory limit of the sandbox, in MiB. Default: 64. */
  readonly maxMemory?: number
}

const Parameters = Schema.Struct({ code: Schema.NonEmptyString })

export const make = ({ maxMemory = 64, timeoutMillis = 10_000 }: Options = {}): Toolbox.Tool =>
  BuiltIn.make({
    name: "code_run",
    description:
      "Runs JavaScript without network and files. Return a value; console.log is shown. await tool(name, args) calls a tool.",
    parameters: Parameters,
    aliases: { script: "code", source: "code", javascript: "code" },
    kind: "execute",
    // It may call tools that are not.
    idempotent: false,
    execute: ({ code }, context) =>
      Effect.flatMap(
        Sandbox.run(code, {
          timeoutMillis,
          maxMemory,
          call: context.call ?? nowhere
        }),
        shown
      )
  })

/** Without an agent, there are no tools to call. */
const nowhere = () => Effect.fail(new ToolFailed({ message: "Code cannot call tools here: call the tools directly." }))

const shown = (end: Sandbox.End): Effect.Effect<string, ToolError> => {
  const log = end.log === "" ? "" : `${end.log}\n`
  if (end._tag === "Returned") return Effect.succeed(`${log}${end.value}`)
  return Effect.fail(new ToolFailed({ message: `${log}${end.message}`, code: end.code }))
}
