/** `/api/v1/secrets`: keys that tools need, by name. Stored values are never returned. */
import * as Name from "@crewline/core/Name"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Problem from "./Problem.ts"
import * as Resource from "./Resource.ts"

/** A secret without its value. */
export const fields = {
  /** The name that tools use. */
  name: Name.Key.check(
    Schema.isPattern(/^[A-Za-z0-9._-]+$/, { expected: "a name of letters, digits, dots, dashes and underscores" })
  ),
  description: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(500, { expected: "at most 500 characters" })))
}
const SecretBody = Schema.Struct(fields)
export type SecretBody = typeof SecretBody.Type

/** The secret value. */
export const Value = Schema.RedactedFromValue(
  Schema.String.check(
    Schema.isPattern(/^[^\0]{8,16000}$/, { expected: "8 to 16,000 characters, none of them U+0000" })
  ),
  { label: "secret" }
).annotate({ writeOnly: true, description: "The secret itself: stored encrypted and never returned" })

/** A secret as clients send it. */
export const Body = Schema.Struct({ ...fields, value: Value }).annotate({
  identifier: "SecretBody",
  description: "A secret for tools"
})

/** A secret as it is returned: never with its value. */
export const Secret = Schema.Struct({ ...Resource.fields, ...fields }).annotate({
  identifier: "Secret",
  description: "A stored secret, without its value"
})
export type Secret = typeof Secret.Type

/** The body of a replacement; without a value the stored one is kept. */
export const Replacement = Schema.Struct({ ...Resource.echoed, ...fields, value: Schema.optionalKey(Value) })

export class Secrets extends HttpApiGroup.make("secrets")
  .add(
    ...Resource.endpoints(Secret, Secret, {
      list: { summary: "List the secrets, newest first", description: "Their values are never returned." },
      get: { summary: "Get a secret, without its value", description: "Its name, its description and its version." },
      remove: { summary: "Remove a secret", description: "From then on, tools that read it fail." }
    }),
    HttpApiEndpoint.post("create", "/", {
      payload: Body,
      success: Resource.Created(Secret),
      error: Problem.schemas(...Problem.ofBody, "name-taken", "master-key-missing")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Store a secret",
        description: "From then on, tools of the tenant can read it by its name. No response ever contains it."
      })
    ),
    HttpApiEndpoint.put("replace", "/:id", {
      params: Resource.params,
      headers: Resource.ifMatch,
      payload: Replacement,
      success: Resource.Found(Secret),
      error: Problem.schemas(...Resource.replaceProblems, "name-taken", "master-key-missing")
    }).annotateMerge(
      OpenApi.annotations({ summary: "Replace a secret", description: "The next call of a tool reads the new value." })
    )
  )
  .prefix("/api/v1/secrets")
  .annotateMerge(OpenApi.annotations({ title: "Secrets", description: "Secrets for tools" })) {}
