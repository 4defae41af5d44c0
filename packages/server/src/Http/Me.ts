/** Handlers of `/api/v1/me` and `/api/v1/tickets`. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Redacted from "effect/Redacted"
import { Api } from "../Api.ts"
import { Credentials } from "../Credentials.ts"
import * as Tickets from "../Credentials/Tickets.ts"
import * as Principal from "../Principal.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "me",
  Effect.fnUntraced(function* (handlers) {
    const credentials = yield* Credentials
    return handlers
      .handle("get", () =>
        Effect.map(Principal.Current, ({ credential, key, name, role, scopes, tenant }) => ({
          tenant,
          name,
          role,
          scopes,
          credential,
          ...(key !== undefined && { keyId: key.id })
        }))
      )
      .handle("ticket", () =>
        Effect.gen(function* () {
          const ticket = yield* credentials.ticket(yield* Principal.Current)
          return { ticket: Redacted.value(ticket), expiresInSeconds: Tickets.lifetimeSeconds }
        })
      )
  })
)
