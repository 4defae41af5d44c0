/** Handlers of `/api/v1/crews`. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { CrewReader } from "../CrewReader.ts"
import { CrewStore } from "../ResourceStore/Crews.ts"
import * as Page from "./Page.ts"
import * as CrewBody from "./CrewBody.ts"
import * as Failing from "./StoreProblems.ts"
import * as Resource from "./Resource.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "crews",
  Effect.fnUntraced(function* (handlers) {
    const crews = yield* CrewStore
    const reader = yield* CrewReader
    return handlers
      .handle("list", ({ query }) =>
        Page.read(query, (page) =>
          crews.list({ ...page, name: query.name }).pipe(Effect.map(Arr.map(Resource.view)), Failing.storing)
        )
      )
      .handleRaw("create", ({ request }) =>
        Effect.gen(function* () {
          const source = yield* CrewBody.source(request)
          const { body } = yield* reader.read(source).pipe(CrewBody.reading())
          return Resource.created(yield* crews.create(body).pipe(Failing.storing), "/api/v1/crews")
        })
      )
      .handle("get", ({ params }) =>
        Effect.map(crews.get(params.id).pipe(Failing.reading("crew")), (stored) => Resource.found(stored))
      )
      .handleRaw("replace", ({ request, params, headers }) =>
        Effect.gen(function* () {
          const source = yield* CrewBody.source(request)
          const { version, crew } = CrewBody.replacement(source.value)
          const { body } = yield* reader.read({ ...source, value: crew }).pipe(CrewBody.reading())
          const stored = yield* Resource.expected(crews, params.id, headers["if-match"], version).pipe(
            Effect.flatMap((expected) => crews.replace(params.id, body, expected)),
            Failing.changing("crew")
          )
          return Resource.found(stored)
        })
      )
      .handle("remove", ({ params, headers }) =>
        Resource.expected(crews, params.id, headers["if-match"]).pipe(
          Effect.flatMap((expected) => crews.remove(params.id, expected)),
          Failing.changing("crew")
        )
      )
  })
)
