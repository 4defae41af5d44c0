/** Handlers of `/api/v1/llm-providers`. */
import * as Llm from "@crewline/core/Llm"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as LlmProviders from "../Api/LlmProviders.ts"
import type { MasterKeyMissing } from "../ResourceStore/MasterKeys.ts"
import * as Problem from "../Api/Problem.ts"
import type { ProviderBody } from "../Api/ProviderBody.ts"
import { hasApiKey, originOf, type OtherHost, ProviderStore } from "../ResourceStore/Providers.ts"
import * as EnvironmentKeys from "../EnvironmentKeys.ts"
import * as RequestBody from "./RequestBody.ts"
import type { StoreError } from "../ResourceStore.ts"
import * as StoreProblems from "./StoreProblems.ts"
import * as ProviderProbe from "./ProviderProbe.ts"
import * as Resource from "./Resource.ts"

const readBody = RequestBody.decode(LlmProviders.Body)
const readReplacement = RequestBody.decode(LlmProviders.Replacement)
const readTest = RequestBody.decode(LlmProviders.Test)

/** Keys that cannot be stored, or not for this host; the other failures are left to `rest`. */
const keeping =
  <A, E>(rest: (effect: Effect.Effect<A, StoreError>) => Effect.Effect<A, E>) =>
  (
    effect: Effect.Effect<A, StoreError | MasterKeyMissing | OtherHost>
  ): Effect.Effect<A, E | Problem.Problem<"master-key-missing" | "invalid-request">> =>
    Effect.catch(effect, (error): Effect.Effect<A, E | Problem.Problem<"master-key-missing" | "invalid-request">> => {
      const { message } = error
      switch (error._tag) {
        case "MasterKeyMissing":
          return Effect.fail(
            Problem.make("master-key-missing", {
              detail: `${message} Or send apiKeyVariable, the name of the environment variable that holds the key, instead of apiKey.`,
              errors: [{ path: ["apiKey"], code: "master-key-missing", message }]
            })
          )
        case "OtherHost":
          return Effect.fail(RequestBody.invalid([{ path: ["apiKey"], code: "other-host", message }]))
        case "StoreError":
          return rest(Effect.fail(error))
      }
    })

/** A provider whose variable contains a key for another host, or for other tenants, is refused. */
const checkVariable = (body: ProviderBody) =>
  body.apiKeyVariable === undefined
    ? Effect.void
    : Effect.mapError(EnvironmentKeys.check(body.apiKeyVariable, originOf(body)), ({ _tag, message }) =>
        RequestBody.invalid([
          { path: ["apiKeyVariable"], code: _tag === "NotShared" ? "not-shared" : "other-host", message }
        ])
      )

export const layer = HttpApiBuilder.group(
  Api,
  "llmProviders",
  Effect.fnUntraced(function* (handlers) {
    const providers = yield* ProviderStore
    const llm = yield* Llm.Llm
    const resource = Resource.make({
      kind: "llm-provider",
      collection: "/api/v1/llm-providers",
      store: providers,
      // A provider without its key.
      show: (stored) => ({ ...stored.body, hasApiKey: hasApiKey(stored) }),
      showListed: (listed) => ({ ...listed.summary, hasApiKey: hasApiKey(listed) })
    })
    return handlers
      .handle("list", resource.list)
      .handleRaw("create", ({ request }) =>
        Effect.gen(function* () {
          const { apiKey, ...body } = yield* readBody(request)
          yield* checkVariable(body)
          const stored = yield* providers
            .create(body, apiKey)
            .pipe(keeping(StoreProblems.naming(StoreProblems.storing)))
          return resource.created(stored)
        })
      )
      .handle("get", resource.get)
      .handleRaw("replace", ({ request, params, headers }) =>
        Effect.gen(function* () {
          const { apiKey, hasApiKey: _hasApiKey, version, ...replacement } = yield* readReplacement(request)
          const body = Resource.bodyOf(replacement)
          yield* checkVariable(body)
          const stored = yield* Resource.expected(providers, params.id, headers["if-match"], version).pipe(
            Effect.flatMap((expected) => providers.replace(params.id, body, { expected, apiKey })),
            keeping(StoreProblems.naming(StoreProblems.changing("llm-provider")))
          )
          return resource.found(stored)
        })
      )
      .handle("remove", resource.remove)
      .handleRaw("test", ({ request, params }) =>
        Effect.gen(function* () {
          const { model: named, timeoutMillis } = RequestBody.isEmpty(request) ? {} : yield* readTest(request)
          const { body } = yield* providers.get(params.id).pipe(StoreProblems.reading("llm-provider"))
          const model = named ?? body.models?.[0]
          if (model === undefined) {
            const message = `The provider "${body.name}" lists no models: set the model to test it with.`
            return yield* RequestBody.invalid([{ path: ["model"], code: "missing-key", message }])
          }
          return yield* ProviderProbe.run({ provider: body.name, model, timeoutMillis }).pipe(
            Effect.provideService(Llm.Llm, llm)
          )
        })
      )
  })
)
