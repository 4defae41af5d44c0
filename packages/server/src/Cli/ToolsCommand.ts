/**
 * The command line of `crewline tools`. Does not load the implementation, because most command
 * lines do not need it.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Flag from "effect/cli/Flag"
import { common, text } from "./TenantFlags.ts"

const load = Effect.promise(() => import("./ToolActions.ts"))

const list = Command.make(
  "list",
  {
    ...common,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print the tools with their schemas as JSON"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).list(options)
  })
).pipe(Command.withDescription("List the tools that agents can use"))

const test = Command.make(
  "test",
  {
    name: Argument.String("name").pipe(Argument.withDescription("The name of the tool")),
    args: Argument.String("arguments").pipe(
      Argument.withDescription("The arguments, a JSON object"),
      Argument.withDefault("{}")
    ),
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).test(options)
  })
).pipe(
  Command.withDescription(
    "Call a tool: on the server, or without one in this process, with CREWLINE_WORKSPACE as its workspace"
  ),
  Command.withExamples([
    { command: `crewline tools test calculate '{"expression":"6 * 7"}'`, description: "Prints 42" }
  ])
)

const name = text("name", "name", "The name of the API, by which it is replaced and removed")

const register = Command.make(
  "register",
  {
    file: Argument.String("file").pipe(Argument.withDescription("An OpenAPI document in YAML or JSON")),
    name,
    hosts: text("hosts", "host,…", "The hosts that may be called, such as api.example.com"),
    server: text("server", "url", "The URL of the API. Default: the server of the document").pipe(Flag.optional),
    auth: text(
      "auth",
      "type:…:secret",
      "The secret that calls send, by name: bearer:<secret>, basic:<username>:<secret>, header:<name>:<secret>, query:<name>:<secret>"
    ).pipe(Flag.optional),
    prefix: text("prefix", "text", "Stands before the name of each tool").pipe(Flag.optional),
    operations: text("operations", "name,…", "The operations that become tools: getPet,list*. Default: all").pipe(
      Flag.optional
    ),
    except: text("except", "name,…", "Operations that do not become tools").pipe(Flag.optional),
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).register(options)
  })
).pipe(
  Command.withDescription("Register the operations of an OpenAPI document as tools of a tenant"),
  Command.withExamples([
    {
      command: "crewline tools register petstore.yaml --name petstore --hosts api.example.com --auth bearer:petstore",
      description: "The secret petstore is stored by `crewline secrets set`"
    }
  ])
)

const remove = Command.make(
  "remove",
  { name: Argument.String("name").pipe(Argument.withDescription("The name of a registered API")), ...common },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).remove(options)
  })
).pipe(Command.withDescription("Remove a registered API and its tools"))

export const tools = Command.make("tools").pipe(
  Command.withDescription("List the tools of agents, call one, and register the operations of an API"),
  Command.withSubcommands([list, test, register, remove])
)
