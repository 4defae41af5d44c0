/**
 * Stored model providers. Keys are not stored: a provider names the environment variable that holds its key, and only variables
 * whose names end in `_API_KEY` are ever read, so that nobody can have other secrets of the server sent to an address of theirs.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import * as ResourceStore from "./ResourceStore.ts"

/** What a provider is made of. */
export const fields = {
  /** The first half of model references: `acme` makes `acme/some-model`. */
  name: Schema.String.check(
    Schema.isPattern(/^[A-Za-z0-9._-]+$/, { expected: "a name of letters, digits, dots, dashes and underscores" })
  ),
  /** `openai`: OpenAI itself. `openai-compatible`: whatever speaks its chat completions at `baseUrl`. */
  kind: Schema.Literals(["openai", "openai-compatible"]),
  /** Where the API begins, `/v1` included. */
  baseUrl: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^https?:\/\/[^\s/]+\S*$/, { expected: "an http or https URL" }))
  ),
  /** The environment variable of the server that holds the key. Absent: no key is sent. */
  apiKeyVariable: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^[A-Z][A-Z0-9_]*_API_KEY$/, {
        expected:
          "the name of an environment variable that ends in _API_KEY, such as ACME_API_KEY, and not the key itself"
      })
    )
  ),
  /** The models to offer; absent: any. */
  models: Schema.optionalKey(Schema.Array(Schema.String.check(Schema.isPattern(/\S/, { expected: "some text" }))))
}

/** OpenAI has an address; others must tell theirs. */
export const hasAddress = Schema.makeFilter<{ readonly kind: string; readonly baseUrl?: string }>((provider) =>
  provider.kind === "openai-compatible" && provider.baseUrl === undefined
    ? { path: ["baseUrl"], issue: "An openai-compatible provider needs a baseUrl" }
    : undefined
)

/** A provider as clients send and receive it. */
export const ProviderBody = Schema.Struct(fields)
  .check(hasAddress)
  .annotate({ identifier: "LlmProvider", description: "A provider of models" })
export type ProviderBody = typeof ProviderBody.Type

export class ProviderStore extends Context.Service<ProviderStore, ResourceStore.ResourceStore<ProviderBody>>()(
  "@crewline/server/ProviderStore"
) {}

export const layer: Layer.Layer<ProviderStore, never, SqlClient> = Layer.effect(
  ProviderStore,
  Effect.suspend(() =>
    ResourceStore.make<ProviderBody>({
      name: "ProviderStore",
      table: "crewline_llm_provider",
      prefix: "provider",
      nameOf: (provider) => provider.name
    })
  )
)
