/** `crewline tools`: lists the tools, and calls one in this process. */
import * as Suggestion from "@crewline/core/Suggestion"
import * as Tenant from "@crewline/core/Tenant"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import type * as Workspace from "@crewline/core/Workspace"
import * as GuardedDirectory from "@crewline/tools/GuardedDirectory"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import * as Environment from "./Environment.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import { layer } from "./Tools.ts"

/** Prints the tools: a table for people, or JSON. */
export const list = Effect.fnUntraced(
  function* ({ json }: { readonly json: boolean }) {
    const { result } = yield* Output.Output
    const toolbox = yield* Toolbox.Toolbox
    const tools = yield* toolbox.list
    if (json) {
      const shown = tools.map(({ description, idempotent, kind, name, parameters, source = "code" }) => ({
        name,
        kind,
        source,
        idempotent,
        description,
        parameters
      }))
      return yield* result(JSON.stringify(shown, null, 2))
    }
    const width = tools.reduce((longest, { name }) => Math.max(longest, name.length), 0)
    yield* result(
      tools
        .map(({ description, kind = "", name }) => `${name.padEnd(width)}  ${kind.padEnd(7)}  ${description}`)
        .join("\n")
    )
  },
  (effect) => Effect.provide(effect, layer)
)

export interface Test {
  readonly name: string
  /** JSON of the arguments object. */
  readonly args: string
}

/**
 * Calls a tool in this process, with `CREWLINE_WORKSPACE` itself as its workspace. Prints the
 * result. If the call fails, prints `{ code, message }` to stderr and fails.
 */
export const test = Effect.fnUntraced(
  function* ({ args, name }: Test) {
    const { result, say } = yield* Output.Output
    const directory = yield* Environment.workspace(Option.none())
    const toolbox = yield* Toolbox.Toolbox
    yield* call(toolbox, { name, args }, GuardedDirectory.make({ directory })).pipe(
      Effect.matchEffect({
        onSuccess: (value) => result(typeof value === "string" ? value : JSON.stringify(value, null, 2)),
        onFailure: ({ code = "tool-failed", message }) =>
          Effect.andThen(say(JSON.stringify({ code, message })), Effect.fail(Failure.failed("")))
      })
    )
  },
  (effect) => Effect.provide(effect, layer)
)

const call = Effect.fnUntraced(function* (
  toolbox: Toolbox.Toolbox["Service"],
  { args, name }: Test,
  workspace: Workspace.Files
): Effect.fn.Return<Schema.Json, Toolbox.ToolError> {
  const tool = yield* Effect.catchTag(toolbox.get(name), "UnknownTool", (error) => Effect.fail(unknown(error)))
  const parsed = parse(args)
  if (parsed === undefined) {
    const message = `Invalid arguments ${JSON.stringify(args)}: expected a JSON object, such as '{"path":"report.md"}'.`
    return yield* new Toolbox.ToolRetry({ message, code: "arguments-invalid" })
  }
  if (tool.need !== undefined) {
    const message = `The tool "${name}" waits for a person, for other tasks or for a time: it can only run within a crew.`
    return yield* new Toolbox.ToolFailed({ message, code: "needs-crew" })
  }
  const resolved = yield* Effect.fromResult(Tool.resolveArguments(tool, parsed))
  const id = "crewline-tools-test"
  const work = tool.execute(resolved, {
    tenant: Tenant.defaultTenant,
    executionId: id,
    taskId: id,
    run: 1,
    turn: 1,
    agent: "operator",
    callId: id,
    idempotencyKey: id,
    workspace
  })
  const { timeoutMillis } = tool
  if (timeoutMillis === undefined) return yield* work
  return yield* Effect.timeoutOrElse(work, {
    duration: timeoutMillis,
    orElse: () => {
      const message = `The tool "${name}" did not finish within ${timeoutMillis / 1_000} s.`
      return Effect.fail(new Toolbox.ToolFailed({ message, code: "timeout" }))
    }
  })
})

const unknown = ({ known, message, tool }: Toolbox.UnknownTool): Toolbox.ToolRetry => {
  const near = Suggestion.make().closest(tool, known)
  const suggestion = near === undefined ? "" : ` Did you mean "${near}"?`
  return new Toolbox.ToolRetry({ message: `${message}${suggestion}`, code: "unknown-tool" })
}

const parse = (text: string): Schema.JsonObject | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    // A parsed value is JSON.
    return Predicate.isReadonlyObject(value) ? (value as Schema.JsonObject) : undefined
  } catch {
    return undefined
  }
}
