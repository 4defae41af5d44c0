/** Handlers of `/api/v1/tools`. */
import { Toolbox } from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as Schema from "effect/Schema"
import { Api } from "../Api.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "tools",
  Effect.fnUntraced(function* (handlers) {
    const toolbox = yield* Toolbox
    return handlers.handle("list", () =>
      Effect.map(toolbox.list, (tools) => ({
        items: tools.map(({ name, description, parameters, idempotent }) => ({
          name,
          description,
          // A JSON Schema is JSON; its type in Effect only does not say so.
          parameters: JSON.parse(JSON.stringify(parameters)) as Schema.JsonObject,
          idempotent
        }))
      }))
    )
  })
)
