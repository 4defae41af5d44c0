/** Handlers of `/api/v1/crews`. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { CrewReader } from "../CrewReader.ts"
import { CrewStore } from "../ResourceStore/Crews.ts"
import * as CrewBody from "./CrewBody.ts"
import * as Generate from "./Generate.ts"
import * as StoreProblems from "./StoreProblems.ts"
import * as Resource from "./Resource.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "crews",
  Effect.fnUntraced(function* (handlers) {
    const crews = yield* CrewStore
    const reader = yield* CrewReader
    const generate = yield* Generate.make
    const resource = Resource.make({
      kind: "crew",
      collection: "/api/v1/crews",
      store: crews,
      show: ({ body }) => body,
      showListed: ({ summary }) => summary
    })
    return handlers
      .handle("list", resource.list)
      .handleRaw("create", ({ request }) =>
        Effect.gen(function* () {
          const source = yield* CrewBody.source(request)
          const { body } = yield* reader.read(source).pipe(CrewBody.reading(source.locate))
          return resource.created(yield* crews.create(body).pipe(StoreProblems.storing))
        })
      )
      .handle("get", resource.get)
      .handleRaw("replace", ({ request, params, headers }) =>
        Effect.gen(function* () {
          const source = yield* CrewBody.source(request)
          const { version, crew } = CrewBody.replacement(source.value)
          const { body } = yield* reader.read({ ...source, value: crew }).pipe(CrewBody.reading(source.locate))
          const stored = yield* Resource.expected(crews, params.id, headers["if-match"], version).pipe(
            Effect.flatMap((expected) => crews.replace(params.id, body, expected)),
            StoreProblems.changing("crew")
          )
          return resource.found(stored)
        })
      )
      .handle("remove", resource.remove)
      .handleRaw("generate", ({ request }) => generate(request))
  })
)
