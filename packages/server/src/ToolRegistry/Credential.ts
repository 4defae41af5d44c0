/** What a call proves itself with, made of a secret of the tenant when the call is made. */
import type * as Secrets from "@crewline/core/Secrets"
import { type ToolError, ToolFailed } from "@crewline/core/Toolbox"
import * as OpenApi from "@crewline/tools/OpenApi"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Auth } from "../Api/Tools.ts"
import * as ToolSecrets from "../ToolSecrets.ts"

export const of = (auth: Auth, secrets: Secrets.Secrets["Service"]): Effect.Effect<OpenApi.Credential, ToolError> =>
  Effect.gen(function* () {
    const secret = yield* Effect.mapError(
      secrets.get(auth.secret),
      ({ message }) => new ToolFailed({ message, code: "not-configured" })
    )
    const value = Redacted.value(secret).trim()
    if (auth.type === "query") {
      const encoded = OpenApi.encode(value)
      yield* ToolSecrets.disclosing(auth.secret, Redacted.make(encoded))
      return { query: `${auth.parameter}=${encoded}` }
    }
    // A header of another form would be refused with a message that has the secret in it.
    if (!/^[\x20-\x7e]+$/.test(value) && auth.type !== "basic") {
      const message = `The secret "${auth.secret}" cannot be sent in a header: it may have printable ASCII characters only.`
      return yield* new ToolFailed({ message, code: "not-configured" })
    }
    if (auth.type === "header") return { headers: { [auth.header.toLowerCase()]: value } }
    if (auth.type === "bearer") return { headers: { authorization: `Bearer ${value}` } }
    const encoded = Buffer.from(`${auth.username}:${value}`).toString("base64")
    yield* ToolSecrets.disclosing(auth.secret, Redacted.make(encoded))
    return { headers: { authorization: `Basic ${encoded}` } }
  })
