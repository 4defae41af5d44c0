/**
 * Secrets that tools need, as keys of the services that they call, by name. A tool reads a secret
 * when it runs, for the tenant of its execution, and sends it to its service alone: what it
 * returns, its failures included, must not hold it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/** The tenant has no secret of this name. */
export class UnknownSecret extends Schema.TaggedError<UnknownSecret>()("UnknownSecret", { name: Schema.String }) {
  override get message() {
    return `There is no secret "${this.name}": an administrator must store it.`
  }
}

/** The secret is there and cannot be read now. */
export class SecretUnavailable extends Schema.TaggedError<SecretUnavailable>()("SecretUnavailable", {
  name: Schema.String,
  description: Schema.String
}) {
  override get message() {
    return `The secret "${this.name}" cannot be read. ${this.description}`
  }
}

export class Secrets extends Context.Service<
  Secrets,
  {
    /** The secret of this name, of the current tenant. */
    readonly get: (name: string) => Effect.Effect<Redacted.Redacted, UnknownSecret | SecretUnavailable>
  }
>()("@crewline/core/Secrets") {}

/** These secrets, for every tenant. */
export const layer = (secrets: { readonly [name: string]: Redacted.Redacted }): Layer.Layer<Secrets> => {
  const byName = new Map(Object.entries(secrets))
  return Layer.succeed(Secrets, {
    get: (name) => {
      const secret = byName.get(name)
      return secret === undefined ? Effect.fail(new UnknownSecret({ name })) : Effect.succeed(secret)
    }
  })
}
