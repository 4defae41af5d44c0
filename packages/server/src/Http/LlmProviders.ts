/** Handlers of `/api/v1/llm-providers`. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { ProviderBody, ProviderStore } from "../ProviderStore.ts"
import { Api } from "../Api.ts"
import * as LlmProviders from "../Api/LlmProviders.ts"
import * as Page from "../Page.ts"
import * as RequestBody from "../RequestBody.ts"
import * as Failing from "./Failing.ts"
import * as Resource from "./Resource.ts"

const readBody = RequestBody.decode(ProviderBody)
const readReplacement = RequestBody.decode(LlmProviders.Replacement)

export const layer = HttpApiBuilder.group(
  Api,
  "llmProviders",
  Effect.fnUntraced(function* (handlers) {
    const providers = yield* ProviderStore
    return handlers
      .handle("list", ({ query }) =>
        Effect.gen(function* () {
          const limit = query.limit ?? Page.defaultLimit
          const before = yield* Page.decodeCursor(query.cursor)
          const items = yield* providers.list({ limit: limit + 1, before, name: query.name }).pipe(Failing.storing)
          return Page.make(items.map(Resource.view), limit, (provider) => provider.id)
        })
      )
      .handleRaw("create", ({ request }) =>
        Effect.gen(function* () {
          const body = yield* readBody(request)
          const stored = yield* providers.create(body).pipe(Failing.naming(Failing.storing))
          return Resource.created(stored, "/api/v1/llm-providers")
        })
      )
      .handle("get", ({ params }) =>
        Effect.map(providers.get(params.id).pipe(Failing.reading("llm-provider")), (stored) => Resource.found(stored))
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
          const stored = yield* Resource.expected(providers, params.id, headers["if-match"], version).pipe(
            Effect.flatMap((expected) => providers.replace(params.id, body, expected)),
            Failing.naming(Failing.changing("llm-provider"))
          )
          return Resource.found(stored)
        })
      )
      .handle("remove", ({ params, headers }) =>
        Resource.expected(providers, params.id, headers["if-match"]).pipe(
          Effect.flatMap((expected) => providers.remove(params.id, expected)),
          Failing.changing("llm-provider")
        )
      )
  })
)
