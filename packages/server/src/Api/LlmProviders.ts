/** `/api/v1/llm-providers`: stored model providers, used by the next model call. */
import { Usage } from "@crewline/core/Usage"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Problem from "./Problem.ts"
import * as ProviderBody from "./ProviderBody.ts"
import * as Resource from "./Resource.ts"

const apiKey = Schema.optionalKey(
  Schema.NullOr(ProviderBody.ApiKey).annotate({
    writeOnly: true,
    description:
      "The key itself: stored encrypted and never answered again. Absent in a replacement: the stored one stays; null: none"
  })
)

const hasApiKey = Schema.Boolean.annotate({ description: "Whether a key is stored with the provider" })

/** A provider as clients send it. */
export const Body = Schema.Struct({ ...ProviderBody.fields, apiKey })
  .check(ProviderBody.hasAddress, ProviderBody.hasApi, ProviderBody.hasOptions)
  .annotate({ identifier: "LlmProvider", description: "A provider of models" })

/** A provider as it is returned: never with its key. */
export const LlmProvider = Schema.Struct({ ...Resource.fields, ...ProviderBody.fields, hasApiKey }).annotate({
  identifier: "LlmProviderResource",
  description: "A stored provider of models"
})
export type LlmProvider = typeof LlmProvider.Type

/** A provider in lists. */
export const LlmProviderSummary = Schema.Struct({
  ...Resource.fields,
  ...ProviderBody.summaryFields,
  hasApiKey
}).annotate({ identifier: "LlmProviderSummary", description: "A stored provider in lists" })

/** The body of a replacement. */
export const Replacement = Schema.Struct({
  ...Resource.echoed,
  hasApiKey: Schema.optionalKey(hasApiKey),
  ...ProviderBody.fields,
  apiKey
}).check(ProviderBody.hasAddress, ProviderBody.hasApi, ProviderBody.hasOptions)

/** The parameters of a provider test. */
export const Test = Schema.Struct({
  /** Default: the first of the provider's `models`. */
  model: Schema.optionalKey(Schema.String.check(Schema.isPattern(/\S/, { expected: "the name of a model" }))),
  /** How long the answer may take; default 30 seconds. */
  timeoutMillis: Schema.optionalKey(
    Schema.Int.check(
      Schema.isBetween({ minimum: 100, maximum: 120_000 }, { expected: "a whole number from 100 to 120000" })
    )
  )
}).annotate({ identifier: "LlmProviderTest", description: "Parameters of a provider test" })

const Answered = Schema.Struct({
  ok: Schema.Literal(true),
  /** As the provider names it. */
  model: Schema.String,
  latencyMillis: Schema.Finite,
  usage: Usage,
  /** At most 1000 characters of the model's answer. */
  text: Schema.String
})

const Failed = Schema.Struct({
  ok: Schema.Literal(false),
  model: Schema.String,
  latencyMillis: Schema.Finite,
  reason: Schema.Literals([
    "rate-limited",
    "overloaded",
    "context-too-long",
    "content-refused",
    "invalid-request",
    "authentication",
    "quota-exhausted",
    "network",
    "timeout",
    "malformed-answer",
    "budget-exceeded",
    "circuit-open",
    "unknown-model",
    "missing-package"
  ]),
  message: Schema.String,
  /** The provider's id of the request. */
  requestId: Schema.optionalKey(Schema.String)
})

/** The result of a provider test. */
export const Tested = Schema.Union([Answered, Failed]).annotate({
  identifier: "LlmProviderTested",
  description: "The result of a minimal call to a provider"
})
export type Tested = typeof Tested.Type

export class LlmProviders extends HttpApiGroup.make("llmProviders")
  .add(
    ...Resource.endpoints(LlmProvider, LlmProviderSummary, {
      list: { summary: "List providers, newest first", description: "Never with their keys." },
      get: { summary: "Get a provider", description: "Without its key; `hasApiKey` says whether one is stored." },
      remove: { summary: "Remove a provider", description: "The next call of one of its models fails." }
    }),
    HttpApiEndpoint.post("create", "/", {
      payload: Body,
      success: Resource.Created(LlmProvider),
      error: Problem.schemas(...Problem.ofBody, "name-taken", "master-key-missing")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Store a provider",
        description: "From then on, agents can refer to its models as `name/model`."
      })
    ),
    HttpApiEndpoint.put("replace", "/:id", {
      params: Resource.params,
      headers: Resource.ifMatch,
      payload: Replacement,
      success: Resource.Found(LlmProvider),
      error: Problem.schemas(...Resource.replaceProblems, "name-taken", "master-key-missing")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Replace a provider",
        description: "The next model call uses the new one. A stored key is bound to the host it was given for."
      })
    ),
    HttpApiEndpoint.post("test", "/:id/test", {
      params: Resource.params,
      payload: Test,
      success: Tested,
      error: Problem.schemas(...Problem.ofBody, "not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Test a provider",
        description:
          "Makes one small call, which may incur a small cost, and returns the result. The body is optional.",
        // Effect describes every body as required.
        transform: (operation) => ({ ...operation, requestBody: { ...operation["requestBody"], required: false } })
      })
    )
  )
  .prefix("/api/v1/llm-providers")
  .annotateMerge(OpenApi.annotations({ title: "LLM providers", description: "Model providers" })) {}
