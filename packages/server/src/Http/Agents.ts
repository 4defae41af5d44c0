/** Handlers of `/api/v1/agents`. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { AgentStore } from "../ResourceStore/Agents.ts"
import { Api } from "../Api.ts"
import * as Agents from "../Api/Agents.ts"
import * as Page from "./Page.ts"
import * as RequestBody from "./RequestBody.ts"
import * as Failing from "./StoreProblems.ts"
import * as Resource from "./Resource.ts"

const readBody = RequestBody.decode(Agents.AgentBody)
const readReplacement = RequestBody.decode(Agents.Replacement)

export const layer = HttpApiBuilder.group(
  Api,
  "agents",
  Effect.fnUntraced(function* (handlers) {
    const agents = yield* AgentStore
    return handlers
      .handle("list", ({ query }) =>
        Page.read(query, (page) =>
          agents.list({ ...page, name: query.name }).pipe(Effect.map(Arr.map(Resource.view)), Failing.storing)
        )
      )
      .handleRaw("create", ({ request }) =>
        Effect.gen(function* () {
          const body = yield* readBody(request)
          const stored = yield* agents.create(body).pipe(Failing.storing)
          return Resource.created(stored, "/api/v1/agents")
        })
      )
      .handle("get", ({ params }) =>
        Effect.map(agents.get(params.id).pipe(Failing.reading("agent")), (stored) => Resource.found(stored))
      )
      .handleRaw("replace", ({ request, params, headers }) =>
        Effect.gen(function* () {
          const {
            id: _id,
            version,
            createdAt: _createdAt,
            updatedAt: _updatedAt,
            ...body
          } = yield* readReplacement(request)
          const stored = yield* Resource.expected(agents, params.id, headers["if-match"], version).pipe(
            Effect.flatMap((expected) => agents.replace(params.id, body, expected)),
            Failing.changing("agent")
          )
          return Resource.found(stored)
        })
      )
      .handle("remove", ({ params, headers }) =>
        Resource.expected(agents, params.id, headers["if-match"]).pipe(
          Effect.flatMap((expected) => agents.remove(params.id, expected)),
          Failing.changing("agent")
        )
      )
  })
)
