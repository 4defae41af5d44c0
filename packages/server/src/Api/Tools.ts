/** `/api/v1/tools`: the tools that agents of this server can use, and test calls. */
import * as CoreTool from "@crewline/core/Tool"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
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
  /** True when running the same call twice does no harm. */
  idempotent: Schema.Boolean,
  hash: Schema.String.annotate({
    description:
      "SHA-256 of the definition. An approval is valid for this definition only; if it changes, approval is requested again"
  })
}).annotate({ identifier: "Tool", description: "A tool of the server" })

/** The result of a call. */
export const Trial = Schema.Struct({ result: Schema.Json }).annotate({
  identifier: "ToolTrial",
  description: "The result of a call"
})

export class Tools extends HttpApiGroup.make("tools")
  .add(
    HttpApiEndpoint.get("list", "/", { success: Schema.Struct({ items: Schema.Array(Tool) }) }).annotateMerge(
      OpenApi.annotations({
        summary: "List the tools",
        description: "Built-in tools and those of the application. Agents name them in `tools`."
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
          "the denials of the tenant's tool policy, if the application provides one. The tool sees files of earlier test calls only, which are deleted after an hour."
      })
    )
  )
  .prefix("/api/v1/tools")
  .annotateMerge(OpenApi.annotations({ title: "Tools", description: "Tools for agents" })) {}
