/**
 * `/api/v1/tools`: the tools that agents of a tenant can use, registration of tools, the tool
 * policy of the tenant, and test calls.
 */
import * as Name from "@crewline/core/Name"
import * as Policy from "@crewline/core/Policy"
import * as CoreTool from "@crewline/core/Tool"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Problem from "./Problem.ts"

/** A tool as agents see it, with the properties that policies use. */
export const Tool = Schema.Struct({
  name: Schema.String,
  description: Schema.String,
  /** JSON Schema (2020-12) of the arguments. */
  parameters: Schema.JsonObject,
  /** JSON Schema (2020-12) of the result; absent: any JSON. */
  output: Schema.optionalKey(Schema.JsonObject),
  kind: CoreTool.Kind.annotate({ description: "The strongest effect that a call can have" }),
  source: CoreTool.Source.annotate({ description: "Where the tool comes from" }),
  api: Schema.optionalKey(Schema.String).annotate({
    description: "Of a registered tool: the name that its API was registered by"
  }),
  /** True when running the same call twice does no harm. */
  idempotent: Schema.Boolean,
  hash: Schema.String.annotate({
    description:
      "SHA-256 of the definition. An approval is valid for this definition only; if it changes, approval is requested again"
  })
}).annotate({ identifier: "Tool", description: "A tool of the tenant" })
export type Tool = typeof Tool.Type

/** The result of a call. */
export const Trial = Schema.Struct({ result: Schema.Json }).annotate({
  identifier: "ToolTrial",
  description: "The result of a call"
})

/** The name that an API is registered and removed by. */
export const ApiName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, {
    expected: "1 to 64 letters, digits, dashes and underscores, beginning with a letter or a digit"
  })
)

const secret = Name.Key.annotate({ description: "The name of the secret, which is read for each call" })

/** A header that a credential may be sent in. */
const Header = Schema.String.check(
  Schema.isPattern(
    /^(?!(?:connection|content-.*|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade)$)[A-Za-z0-9-]{1,64}$/i,
    { expected: "the name of a header that carries a credential, such as x-api-key" }
  )
)

/** How calls prove who makes them. */
export const Auth = Schema.Union([
  Schema.Struct({ type: Schema.Literal("bearer"), secret }),
  Schema.Struct({
    type: Schema.Literal("basic"),
    username: Schema.String.check(
      Schema.isPattern(/^[\x20-\x39\x3b-\x7e]{0,200}$/, { expected: "printable ASCII characters without a colon" })
    ),
    secret
  }),
  Schema.Struct({ type: Schema.Literal("header"), header: Header, secret }),
  Schema.Struct({
    type: Schema.Literal("query"),
    parameter: Schema.String.check(Schema.isPattern(/^[\w.-]{1,64}$/, { expected: "the name of a parameter" })),
    secret
  })
]).annotate({ identifier: "ToolAuth", description: "The secret that calls send, by name, and where they send it" })
export type Auth = typeof Auth.Type

const Host = Schema.String.check(
  Schema.isPattern(/^(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$|^\[[0-9A-Fa-f:.]+\]$/, {
    expected: "a host without port, such as api.example.com or *.example.com"
  })
)

const patterns = Schema.Array(Policy.ToolPattern).check(Schema.isMaxLength(400, { expected: "at most 400 names" }))

/** The body of a registration. */
export const Registration = Schema.Struct({
  name: ApiName.annotate({ description: "Registering another document under this name replaces the first" }),
  document: Schema.Union([Schema.JsonObject, Schema.String]).annotate({
    description: "An OpenAPI document (3.0 or 3.1): an object, or its text in JSON or YAML"
  }),
  hosts: Schema.NonEmptyArray(Host)
    .check(Schema.isMaxLength(20, { expected: "at most 20 hosts" }))
    .annotate({ description: "The hosts that may be called, also by redirects" }),
  server: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^https?:\/\/[^\s?#{}@]{1,500}$/, { expected: "an http or https URL without a query" })
    ).annotate({ description: "The URL of the API, in place of the `servers` of the document" })
  ),
  auth: Schema.optionalKey(Auth),
  prefix: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{1,32}$/, { expected: "1 to 32 characters of tool names" }))
  ).annotate({ description: "Stands before the name of each tool" }),
  operations: Schema.optionalKey(patterns).annotate({
    description: "The operations that become tools, by name; `*` stands for any characters. Default: all"
  }),
  except: Schema.optionalKey(patterns).annotate({ description: "Operations that do not become tools" }),
  timeoutMillis: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 600_000 }, { expected: "100 to 600,000 milliseconds" }))
  ).annotate({ description: "Time limit of one call. Default: 30,000" }),
  maxResult: Schema.optionalKey(
    Schema.Int.check(
      Schema.isBetween({ minimum: 100, maximum: 1_000_000 }, { expected: "100 to 1,000,000 characters" })
    )
  ).annotate({ description: "The most characters of a result that a model is shown at once. Default: 32,000" })
}).annotate({ identifier: "ToolRegistration", description: "An API whose operations become tools" })
export type Registration = typeof Registration.Type

/** A registered API. */
export const Registered = Schema.Struct({
  name: Schema.String,
  /** From 1, raised by each registration under the name. */
  version: Schema.Int,
  hosts: Schema.Array(Schema.String),
  auth: Schema.optionalKey(Auth),
  tools: Schema.Array(Tool)
}).annotate({ identifier: "RegisteredApi", description: "An API and its tools" })
export type Registered = typeof Registered.Type

export class Tools extends HttpApiGroup.make("tools")
  .add(
    HttpApiEndpoint.get("list", "/", { success: Schema.Struct({ items: Schema.Array(Tool) }) }).annotateMerge(
      OpenApi.annotations({
        summary: "List the tools",
        description:
          "Built-in tools, those of the application, and those that the tenant registered. Agents name them in `tools`."
      })
    ),
    HttpApiEndpoint.post("register", "/", {
      payload: Registration,
      success: [
        HttpApiSchema.WithHeaders(Registered.pipe(HttpApiSchema.status(201)), { location: Schema.String }),
        Registered
      ],
      error: Problem.schemas(...Problem.ofBody, "name-taken", "tool-invalid")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Register an API as tools",
        description:
          "Each operation of the OpenAPI document becomes a tool of the tenant. 201: the API is new. 200: it replaces the one of its name; " +
          "executions under way then ask a person before they call a tool whose definition has changed. Other servers and workers know of it " +
          "within two seconds. With `auth`, it requires the scope secrets:write. Commands cannot be registered."
      })
    ),
    HttpApiEndpoint.get("getPolicy", "/policy", { success: Policy.Policy }).annotateMerge(
      OpenApi.annotations({
        summary: "Get the tool policy of the tenant",
        description: "It binds all crews of the tenant, besides their own policies. `{}`: it has no rules."
      })
    ),
    HttpApiEndpoint.put("setPolicy", "/policy", {
      payload: Policy.Policy,
      success: Policy.Policy,
      error: Problem.schemas(...Problem.ofBody)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Set the tool policy of the tenant",
        description:
          "Calls that begin later are bound by it, within two seconds on other servers and workers. `{}` removes all rules."
      })
    ),
    HttpApiEndpoint.delete("remove", "/:name", {
      params: { name: ApiName },
      success: HttpApiSchema.NoContent,
      error: Problem.schemas("not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Remove a registered API and its tools",
        description: "By the name that it was registered by. Tasks that need one of its tools fail."
      })
    ),
    HttpApiEndpoint.post("test", "/:name/test", {
      params: { name: Schema.String },
      payload: Schema.JsonObject,
      success: Trial,
      error: Problem.schemas(
        ...Problem.ofBody,
        "not-found",
        "arguments-invalid",
        "path-refused",
        "address-refused",
        "policy-denied",
        "tool-failed"
      )
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Call a tool once",
        description:
          "The body is the arguments object. The call is executed and can have side effects. Policies of crews do not apply; path and address guards do, and so do " +
          "the denials of the tenant's tool policy. The tool sees files of earlier test calls only, which are deleted after an hour."
      })
    )
  )
  .prefix("/api/v1/tools")
  .annotateMerge(OpenApi.annotations({ title: "Tools", description: "Tools for agents" })) {}
