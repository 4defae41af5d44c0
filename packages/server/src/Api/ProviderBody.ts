/** The fields of a stored provider that clients send and receive, except its key. */
import * as Name from "@crewline/core/Name"
import type * as OpenAi from "@crewline/llm/OpenAi"
import * as Schema from "effect/Schema"

/** The APIs of OpenAI; a literal, because the module that calls them does not run in a browser. */
const apis = ["chat", "responses"] as const satisfies ReadonlyArray<OpenAi.Api>

const flag = Schema.optionalKey(Schema.Boolean)

/** See `Capabilities` of `@crewline/llm`. */
const capabilities = {
  json_schema: flag,
  json_object: flag,
  tools: flag,
  tool_choice: flag,
  stream_options: flag,
  system_role: flag,
  max_tokens: flag,
  opaque_fields: flag,
  call_ids: flag,
  unsigned_calls: flag,
  thoughtless_calls: flag,
  cache_control: flag,
  temperature: flag,
  top_p: flag,
  seed: flag,
  stop: flag
} satisfies { readonly [F in OpenAi.Feature]: typeof flag }

const amount = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" }))

/** The fields of a provider. */
export const fields = {
  /** The first half of model references: `acme` makes `acme/some-model`. */
  name: Name.Key.check(
    Schema.isPattern(/^[A-Za-z0-9._-]+$/, { expected: "a name of letters, digits, dots, dashes and underscores" })
  ),
  /**
   * `openai-compatible`: a server with one of OpenAI's APIs at `baseUrl`; the others are the named
   * providers.
   */
  kind: Schema.Literals(["openai", "openai-compatible", "anthropic", "ollama"]),
  /**
   * The OpenAI API to call. Absent: at OpenAI itself the best one for each request, elsewhere chat
   * completions.
   */
  api: Schema.optionalKey(Schema.Literals(apis)),
  /**
   * Where the API is: of OpenAI and those that are compatible with it with `/v1`. Absent: the
   * provider's own, Ollama's on this machine.
   */
  baseUrl: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^https?:\/\/[^\s/?#@]+([/?#]\S*)?$/, {
        expected: "an http or https URL, without a user name and password"
      })
    )
  ),
  /**
   * The environment variable of the server that contains the key. A stored key takes precedence;
   * with neither, no key is sent.
   */
  apiKeyVariable: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^[A-Z][A-Z0-9_]*_API_KEY$/, {
        expected:
          "the name of an environment variable that ends in _API_KEY, such as ACME_API_KEY, and not the key itself"
      })
    )
  ),
  /** The models to offer; absent: any. */
  models: Schema.optionalKey(Schema.Array(Schema.String.check(Schema.isPattern(/\S/, { expected: "some text" })))),
  /**
   * The request features that the server supports: `false` is never sent; `true` is sent even after
   * a rejection. Absent features are sent until they are rejected.
   */
  capabilities: Schema.optionalKey(
    Schema.Struct(capabilities).annotate({ description: "The request features that the server supports" })
  ),
  /** The size of Ollama's context window, in tokens. Absent: the server's own. */
  contextTokens: Schema.optionalKey(amount),
  /** Limits on the use of the account, for all models together; absent limits are unlimited. */
  quota: Schema.optionalKey(
    Schema.Struct({
      requestsPerMinute: Schema.optionalKey(amount),
      tokensPerMinute: Schema.optionalKey(amount),
      /** Calls at once, in each process. */
      concurrency: Schema.optionalKey(amount)
    }).annotate({ description: "Limits on the use of the account, across all models" })
  )
}

/** A key to be stored. */
export const ApiKey = Schema.RedactedFromValue(
  Schema.String.check(
    Schema.isPattern(/^[\x21-\x7e]{8,4000}$/, {
      expected: "a key of at least 8 visible ASCII characters, without spaces or line breaks"
    })
  ),
  { label: "api key" }
)

/** The other kinds have fixed addresses. */
export const hasAddress = Schema.makeFilter<{ readonly kind: string; readonly baseUrl?: string }>((provider) =>
  provider.kind === "openai-compatible" && provider.baseUrl === undefined
    ? { path: ["baseUrl"], issue: "An openai-compatible provider needs a baseUrl" }
    : undefined
)

/** The other kinds have one API each. */
export const hasApi = Schema.makeFilter<{ readonly kind: string; readonly api?: string }>((provider) =>
  provider.api !== undefined && provider.kind !== "openai" && provider.kind !== "openai-compatible"
    ? { path: ["api"], issue: "Only an openai or openai-compatible provider can have an api" }
    : undefined
)

/** Other providers have fixed windows, and Ollama's API has no features to reject. */
export const hasOptions = Schema.makeFilter<{
  readonly kind: string
  readonly capabilities?: object
  readonly contextTokens?: number
}>((provider) =>
  provider.contextTokens !== undefined && provider.kind !== "ollama"
    ? { path: ["contextTokens"], issue: "Only an ollama provider can have contextTokens" }
    : provider.capabilities !== undefined && provider.kind === "ollama"
      ? { path: ["capabilities"], issue: "An ollama provider cannot have capabilities" }
      : undefined
)

/** A provider in lists, except whether it has a key. */
export const summaryFields = { name: fields.name, kind: fields.kind }
const ProviderSummary = Schema.Struct(summaryFields)
export type ProviderSummary = typeof ProviderSummary.Type

/** A provider without its key. */
export const ProviderBody = Schema.Struct(fields).check(hasAddress, hasApi, hasOptions)
export type ProviderBody = typeof ProviderBody.Type
