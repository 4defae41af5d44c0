/** `/api/v1/tools`: the tools that agents of this server may use. */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"

/** A tool, as agents see it. */
export const Tool = Schema.Struct({
  name: Schema.String,
  description: Schema.String,
  /** JSON Schema (2020-12) of the arguments. */
  parameters: Schema.JsonObject,
  /** True when running the same call twice does no harm. */
  idempotent: Schema.Boolean
}).annotate({ identifier: "Tool", description: "A tool of the server" })

export class Tools extends HttpApiGroup.make("tools")
  .add(
    HttpApiEndpoint.get("list", "/", { success: Schema.Struct({ items: Schema.Array(Tool) }) }).annotateMerge(
      OpenApi.annotations({ summary: "List the tools", description: "Agents name them in `tools`." })
    )
  )
  .prefix("/api/v1/tools")
  .annotateMerge(OpenApi.annotations({ title: "Tools", description: "Tools for agents" })) {}
