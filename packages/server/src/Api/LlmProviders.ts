/** `/api/v1/llm-providers`: stored model providers, used by the next model call. */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Page from "../Page.ts"
import * as Problem from "../Problem.ts"
import * as ProviderStore from "../ProviderStore.ts"
import * as Resource from "./Resource.ts"

/** A provider as it is answered. */
export const LlmProvider = Schema.Struct({ ...Resource.fields, ...ProviderStore.fields }).annotate({
  identifier: "LlmProviderResource",
  description: "A stored provider of models"
})
export type LlmProvider = typeof LlmProvider.Type

/** What a replacement may hold. */
export const Replacement = Schema.Struct({ ...Resource.echoed, ...ProviderStore.fields }).check(
  ProviderStore.hasAddress
)

export class LlmProviders extends HttpApiGroup.make("llmProviders")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: { ...Page.query, name: Schema.optionalKey(Schema.String) },
      success: Page.Page(LlmProvider)
    }).annotateMerge(OpenApi.annotations({ summary: "List providers, newest first" })),
    HttpApiEndpoint.post("create", "/", {
      payload: ProviderStore.ProviderBody,
      success: Resource.Created(LlmProvider),
      error: [...Resource.createProblems, Problem.NameTaken]
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Store a provider",
        description: "From then on, agents may name its models as `name/model`."
      })
    ),
    HttpApiEndpoint.get("get", "/:id", {
      params: Resource.params,
      success: Resource.Found(LlmProvider),
      error: Problem.NotFound
    }).annotateMerge(OpenApi.annotations({ summary: "Get a provider" })),
    HttpApiEndpoint.put("replace", "/:id", {
      params: Resource.params,
      headers: Resource.ifMatch,
      payload: Replacement,
      success: Resource.Found(LlmProvider),
      error: [...Resource.replaceProblems, Problem.NameTaken]
    }).annotateMerge(
      OpenApi.annotations({ summary: "Replace a provider", description: "The next model call uses the new one." })
    ),
    HttpApiEndpoint.delete("remove", "/:id", {
      params: Resource.params,
      headers: Resource.ifMatch,
      success: HttpApiSchema.NoContent,
      error: Resource.removeProblems
    }).annotateMerge(OpenApi.annotations({ summary: "Remove a provider" }))
  )
  .prefix("/api/v1/llm-providers")
  .annotateMerge(OpenApi.annotations({ title: "LLM providers", description: "Where models are called" })) {}
