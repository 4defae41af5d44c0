/**
 * `/api/v1/me`: who the caller is, by its credential, and tickets for connections that cannot carry
 * one.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "./Access.ts"

/** The caller's credential. */
export const Credential = Schema.Literals(["none", "local", "key", "token"])
export type Credential = typeof Credential.Type

/** Who calls. */
export const Principal = Schema.Struct({
  tenant: Schema.String,
  name: Schema.String,
  role: Access.Role,
  scopes: Schema.Array(Access.Scope),
  credential: Credential.annotate({
    description: "none: the server requires no credential; local: the one in the server's data directory"
  }),
  keyId: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Principal", description: "The caller, as identified by the credential" })

/** A ticket. */
export const Ticket = Schema.Struct({
  ticket: Schema.String,
  expiresInSeconds: Schema.Int
}).annotate({ identifier: "Ticket", description: "Valid for one connection, for a short time" })

export class Me extends HttpApiGroup.make("me")
  .add(
    HttpApiEndpoint.get("get", "/me", { success: Principal }).annotateMerge(
      OpenApi.annotations({
        summary: "Get the caller identified by the credential",
        description: "The tenant, the role and the scopes."
      })
    ),
    HttpApiEndpoint.post("ticket", "/tickets", {
      success: Ticket.pipe(HttpApiSchema.status(201))
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Get a ticket for a WebSocket or an EventSource",
        description:
          "Browsers cannot send headers with these. Append `ticket=<ticket>` to the query of the URL: it opens one connection on behalf of " +
          "the caller, and becomes invalid with the caller's credential."
      })
    )
  )
  .prefix("/api/v1")
  .annotateMerge(OpenApi.annotations({ title: "Me", description: "Who calls" })) {}
