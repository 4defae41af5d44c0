/** `/api/v1/keys`: API keys of the tenant. */
import * as Name from "@crewline/core/Name"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "./Access.ts"
import * as Page from "./Page.ts"
import * as Problem from "./Problem.ts"
import * as Resource from "./Resource.ts"

const secondsOf = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 } as const

/** `90d`, `12h`: a whole number of seconds, minutes, hours, days or weeks. */
export const Span = Schema.String.check(
  Schema.isPattern(/^[1-9]\d{0,5}[smhdw]$/, {
    expected: "a whole number followed by s, m, h, d or w, such as 90d"
  })
)

/** How many seconds a span has. */
export const seconds = (span: string): number =>
  Number(span.slice(0, -1)) * secondsOf[span.slice(-1) as keyof typeof secondsOf]

/** A tenant: not part of URLs, but of log lines and file names. */
export const Tenant = Schema.String.check(
  Schema.isPattern(/^[a-z0-9][a-z0-9_-]{0,62}$/, {
    expected: "1 to 63 lower-case letters, digits, dashes and underscores"
  })
)

/** The body that creates a key. */
export const KeyBody = Schema.Struct({
  name: Name.Name,
  role: Access.Role,
  scopes: Schema.optionalKey(
    Schema.NonEmptyArray(Access.Scope).annotate({
      description: "A subset of the role's scopes; if absent, all of them"
    })
  ),
  expires: Schema.optionalKey(
    Span.annotate({ description: "Lifetime of the key, such as 90d; if absent, it does not expire" })
  )
}).annotate({ identifier: "ApiKeyBody", description: "Settings of a new API key" })
export type KeyBody = typeof KeyBody.Type

/** A key without its secret. */
export const Key = Schema.Struct({
  id: Schema.String,
  /** The visible prefix of the key. */
  prefix: Schema.String,
  tenant: Schema.String,
  name: Schema.String,
  role: Access.Role,
  scopes: Schema.Array(Access.Scope),
  status: Schema.Literals(["active", "expired", "revoked"]),
  createdAt: Schema.String,
  createdBy: Schema.String,
  expiresAt: Schema.optionalKey(Schema.String),
  /** Accurate to a minute. */
  lastUsedAt: Schema.optionalKey(Schema.String),
  revokedAt: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "ApiKey", description: "An API key without its secret" })
export type Key = typeof Key.Type

/** A key with its secret, which is returned only once. */
export const NewKey = Schema.Struct({
  ...Key.fields,
  key: Schema.String.annotate({ description: "The key itself; it is shown only once" })
}).annotate({ identifier: "NewApiKey", description: "An API key, with its secret" })
export type NewKey = typeof NewKey.Type

/** How a key is replaced. */
export const Rotation = Schema.Struct({
  overlap: Schema.optionalKey(Span.annotate({ description: "How long the old key remains valid. Default: 1h" }))
}).annotate({ identifier: "ApiKeyRotation" })

/** How long a key still works after its rotation. */
export const defaultOverlap = "1h"

const created = HttpApiSchema.WithHeaders(NewKey.pipe(HttpApiSchema.status(201)), { location: Schema.String })

export class Keys extends HttpApiGroup.make("keys")
  .add(
    HttpApiEndpoint.get("list", "/", { query: Page.query, success: Page.Page(Key) }).annotateMerge(
      OpenApi.annotations({
        summary: "List the API keys, newest first",
        description: "Includes expired and revoked keys. The keys themselves are never returned."
      })
    ),
    HttpApiEndpoint.get("get", "/:id", {
      params: Resource.params,
      success: Key,
      error: Problem.schemas("not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Get an API key, without the key itself",
        description: "Its name, role and scopes, and until when it works."
      })
    ),
    HttpApiEndpoint.post("create", "/", {
      payload: KeyBody,
      success: created,
      error: Problem.schemas(...Problem.ofBody)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Create an API key",
        description:
          "Only this response contains the key itself: the server stores a hash. A key cannot have a scope that your credential does not have."
      })
    ),
    HttpApiEndpoint.post("rotate", "/:id/rotate", {
      params: Resource.params,
      payload: Rotation,
      success: created,
      error: Problem.schemas(...Problem.ofBody, "not-found", "key-inactive")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Replace an API key with a new one",
        description:
          "With the same name, role, scopes and lifetime. The old one works until `overlap` is over. No body is needed.",
        // Effect describes every body as required.
        transform: (operation) => ({ ...operation, requestBody: { ...operation["requestBody"], required: false } })
      })
    ),
    HttpApiEndpoint.delete("revoke", "/:id", {
      params: Resource.params,
      success: HttpApiSchema.NoContent,
      error: Problem.schemas("not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Revoke an API key",
        description:
          "Within a second, all servers reject it and close connections that it opened. The key stays in the list as revoked."
      })
    )
  )
  .prefix("/api/v1/keys")
  .annotateMerge(OpenApi.annotations({ title: "API keys", description: "API keys" })) {}
