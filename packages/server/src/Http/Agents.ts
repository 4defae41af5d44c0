/** Handlers of `/api/v1/agents`. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { AgentStore } from "../ResourceStore/Agents.ts"
import { Api } from "../Api.ts"
import * as Agents from "../Api/Agents.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"
import * as Resource from "./Resource.ts"

const readBody = RequestBody.decode(Agents.AgentBody)
const readReplacement = RequestBody.decode(Agents.Replacement)

export const layer = HttpApiBuilder.group(
  Api,
  "agents",
  Effect.fnUntraced(function* (handlers) {
    const agents = yield* AgentStore
    const resource = Resource.make({
      kind: "agent",
      collection: "/api/v1/agents",
      store: agents,
      show: ({ body }) => body,
      showListed: ({ summary }) => summary
    })
    return handlers
      .handle("list", resource.list)
      .handleRaw("create", ({ request }) =>
        Effect.gen(function* () {
          const body = yield* readBody(request)
          return resource.created(yield* agents.create(body).pipe(StoreProblems.storing))
        })
      )
      .handle("get", resource.get)
      .handleRaw("replace", ({ request, params, headers }) =>
        Effect.gen(function* () {
          const replacement = yield* readReplacement(request)
          const stored = yield* Resource.expected(agents, params.id, headers["if-match"], replacement.version).pipe(
            Effect.flatMap((expected) => agents.replace(params.id, Resource.bodyOf(replacement), expected)),
            StoreProblems.changing("agent")
          )
          return resource.found(stored)
        })
      )
      .handle("remove", resource.remove)
  })
)
