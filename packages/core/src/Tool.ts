/**
 * Makes tools out of functions. The arguments that a model gives are validated before the function
 * runs, and everything that is wrong with them is said at once, to the model, which can mend its
 * call. Whatever the function throws is a failure of that call and never of the task.
 *
 * A tool may need a person's approval, ask people, add tasks, or wait for a signal or for time: a
 * second function (`ask`, `spawn`, `wait`) says for what, the task gives its worker back, and
 * `execute` runs once, with what has come.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Aliases from "./Tool/Aliases.ts"
import * as Call from "./Tool/Call.ts"
import * as Declaration from "./Tool/Declaration.ts"
import { type Arguments, type Declared, invalidArguments, type Parameters } from "./Tool/Declaration.ts"
import { type Tool, type ToolContext, type ToolError, ToolFailed, ToolRetry } from "./Tool/Definition.ts"
import * as Needs from "./Tool/Needs.ts"
import * as Paths from "./Tool/Paths.ts"
import type { AskOptions, Options, SpawnOptions, WaitOptions } from "./Tool/Options.ts"
import * as Task from "./Task.ts"
import * as Workspace from "./Workspace.ts"

export type { CallContext } from "./Tool/Call.ts"
export { type Arguments, invalidArguments, type Parameters } from "./Tool/Declaration.ts"
export { hashOf } from "./Tool/DefinitionHash.ts"
export type { SpawnedResult, SpawnedTask } from "./Tool/Definition.ts"
export { resolve as resolveArguments } from "./Tool/ResolvedArguments.ts"
export { defaultKind, defaultMaxResult, Kind, Source } from "./Tool/Traits.ts"
export type {
  Approval,
  AskOptions,
  Options,
  Question,
  Returned,
  Spawn,
  SpawnOptions,
  Wait,
  WaitOptions,
  Work
} from "./Tool/Options.ts"

type None = { readonly type: "object"; readonly additionalProperties: false }

/** Makes a tool. Throws a `TypeError` when name, parameters or answers cannot be used. */
export const make: {
  <const P extends Parameters = None, const A extends Parameters = Schema.Decoder<string>>(
    options: AskOptions<P, A>
  ): Tool
  <const P extends Parameters = None>(options: SpawnOptions<P>): Tool
  <const P extends Parameters = None>(options: WaitOptions<P>): Tool
  <const P extends Parameters = None>(options: Options<P>): Tool
} = (options: Any): Tool => {
  const { approval, description, idempotent = false, name, origin, timeout } = options
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    throw new TypeError(`Invalid tool name "${name}": use 1 to 64 letters, digits, "_" and "-".`)
  }
  if (typeof approval === "object" && !Needs.isTimeLimit(approval.timeout)) {
    throw new TypeError(`Invalid approval timeout of the tool "${name}": expected ${Needs.duration}.`)
  }
  if (!Needs.isTimeLimit(timeout)) {
    throw new TypeError(`Invalid timeout for the tool "${name}": expected ${Needs.duration}.`)
  }
  const { schema, validate } = Declaration.parameters(name, options.parameters ?? Declaration.noParameters)
  if (options.aliases !== undefined) Aliases.check(name, options.aliases, schema)
  if (options.paths !== undefined) Paths.check(name, options.paths, schema)
  const result = options.output === undefined ? undefined : Declaration.result(name, options.output)
  const answer = options.ask === undefined ? undefined : Declaration.answer(name, options.answer ?? text)
  /** Whatever the functions of a tool are given has passed its schema. */
  const checked = <A>(
    args: Schema.JsonObject,
    then: (args: Arguments<Parameters>) => Effect.Effect<A, ToolError>
  ): Effect.Effect<A, ToolError> =>
    Effect.flatMap(validate(args), (result) =>
      result._tag === "Valid"
        ? // What the validator hands back is what its type says.
          then(result.value as Arguments<Parameters>)
        : Effect.fail(new ToolRetry({ message: invalidArguments(name, result.violations), code: "arguments-invalid" }))
    )
  const need = needOf(options, answer)
  return {
    name,
    description,
    parameters: schema,
    idempotent,
    ...(options.aliases === undefined ? {} : { aliases: options.aliases }),
    ...(options.paths === undefined ? {} : { paths: options.paths }),
    ...(origin === undefined ? {} : { origin }),
    ...(options.kind === undefined ? {} : { kind: options.kind }),
    ...(options.source === undefined ? {} : { source: options.source }),
    ...(result === undefined ? {} : { output: result.schema }),
    ...(timeout === undefined ? {} : { timeoutMillis: Task.millis(timeout) }),
    ...(options.maxResult === undefined ? {} : { maxResult: options.maxResult }),
    ...(options.cacheable === true ? { cacheable: true as const } : {}),
    ...(approval === undefined || approval === false
      ? {}
      : {
          approval: (args) =>
            checked(args, (valid) =>
              typeof approval === "function"
                ? Call.value(new Call.Call(nobody), () => approval(valid), Needs.approval(name))
                : Needs.approval(name)(approval)
            )
        }),
    ...(need === undefined ? {} : { need: (args, context) => checked(args, (valid) => need(valid, context)) }),
    execute: (args, context) =>
      checked(args, (valid) => {
        const call = new Call.Call(context)
        const made = Call.run(name, call, () => options.execute(valid, call as never))
        const work = result === undefined ? made : Effect.flatMap(made, (value) => fitting(name, result, value))
        if (answer === undefined) return work
        return Effect.flatMap(Needs.decode(answer, call.answer), (decoded) => {
          call.answer = decoded
          return work
        })
      })
  }
}

/** The options of any tool: which of the functions it has is seen when it is made. */
interface Any extends Omit<Options<Parameters>, "ask" | "spawn" | "wait" | "execute"> {
  readonly ask?: AskOptions<Parameters, Parameters>["ask"]
  readonly answer?: Parameters
  readonly spawn?: SpawnOptions<Parameters>["spawn"]
  readonly wait?: WaitOptions<Parameters>["wait"]
  readonly execute: (args: Arguments<Parameters>, context: never) => unknown
}

const text = { type: "string" } as const

/** An approval is decided by the arguments alone. */
const nobody: ToolContext = {
  tenant: "",
  executionId: "",
  taskId: "",
  run: 0,
  turn: 0,
  agent: "",
  callId: "",
  idempotencyKey: "",
  workspace: Workspace.none
}

/** A result that does not match the output schema is a bug in the tool. */
const fitting = (name: string, { validate }: Declared, value: Schema.Json): Effect.Effect<Schema.Json, ToolError> =>
  Effect.flatMap(validate(value), (checked) =>
    checked._tag === "Valid"
      ? Effect.succeed(value)
      : Effect.fail(new ToolFailed({ message: Declaration.unfitResult(name, checked.violations), isDefect: true }))
  )

const needOf = ({ ask, name, spawn, wait }: Any, answer: Declared | undefined) => {
  if ([ask, spawn, wait].filter((one) => one !== undefined).length > 1) {
    throw new TypeError(`The tool "${name}" must have only one of ask, spawn and wait.`)
  }
  const work = ask ?? spawn ?? wait
  if (work === undefined) return undefined
  const accept =
    answer !== undefined ? Needs.question(name, answer) : spawn === undefined ? Needs.wait(name) : Needs.tasks(name)
  return (args: Arguments<Parameters>, context: ToolContext) => {
    const call = new Call.Call(context)
    return Call.value(call, () => work(args, call), accept)
  }
}
