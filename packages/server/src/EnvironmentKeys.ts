/**
 * Keys in environment variables, for providers that API clients store. Such a key is sent only to
 * one host, which the operator sets and no client can change: the target of the matching
 * `*_BASE_URL`, or else the provider's own host. Without this rule, a client could have
 * `OPENAI_API_KEY` sent to its own address.
 *
 * They serve the tenant `default`, and the tenants that `CREWLINE_SHARED_PROVIDERS` names; all
 * others need their own keys, and cannot spend the operator's money.
 */
import * as Tenant from "@crewline/core/Tenant"
import * as Anthropic from "@crewline/llm/Anthropic"
import * as Ollama from "@crewline/llm/Ollama"
import * as OpenAi from "@crewline/llm/OpenAi"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/** The key in this variable is not sent to this address. */
export class KeyNotForHost extends Schema.TaggedError<KeyNotForHost>()("KeyNotForHost", {
  variable: Schema.String,
  /** The variable that defines where the key may be sent. */
  addressVariable: Schema.String,
  /** Where the key may be sent, in words. */
  allowed: Schema.UndefinedOr(Schema.String),
  /** The origin that it was asked for. */
  origin: Schema.String
}) {
  override get message() {
    const { addressVariable, allowed, origin, variable } = this
    const rule =
      allowed === undefined
        ? `No allowed address is configured for ${variable}.`
        : `${variable} may be sent only to ${allowed}, not to ${origin}.`
    return `${rule} Set ${addressVariable} to ${origin} in the environment of the server, or send the key of this provider as apiKey.`
  }
}

/** The keys of the environment are not for this tenant. */
export class NotShared extends Schema.TaggedError<NotShared>()("NotShared", { tenant: Schema.String }) {
  override get message() {
    return `The tenant ${this.tenant} may not use the keys in the server's environment: store a provider with an apiKey.`
  }
}

interface Home {
  readonly addressVariable: string
  /** Where the key belongs when the variable is not set. */
  readonly own: ReadonlyArray<string>
}

const homes: ReadonlyMap<string, Home> = new Map([
  ["OPENAI_API_KEY", { addressVariable: "OPENAI_BASE_URL", own: [OpenAi.defaultBaseURL] }],
  ["ANTHROPIC_API_KEY", { addressVariable: "ANTHROPIC_BASE_URL", own: [Anthropic.defaultBaseURL] }],
  ["OLLAMA_API_KEY", { addressVariable: "OLLAMA_HOST", own: ["https://ollama.com", Ollama.defaultHost] }]
])

const homeOf = (variable: string): Home =>
  homes.get(variable) ?? { addressVariable: variable.replace(/_API_KEY$/, "_BASE_URL"), own: [] }

/** `undefined` where it is not set, or cannot be read. */
const setting = <A>(config: Config.Config<A>): Effect.Effect<A | undefined> =>
  Effect.map(
    Effect.orElseSucceed(Config.option(config), () => Option.none<A>()),
    Option.getOrUndefined
  )

const originOf = (address: string): string | undefined => URL.parse(address.trim())?.origin

const sharedWith = Config.withDefault(Config.String("CREWLINE_SHARED_PROVIDERS"), "")

/** Fails unless the keys of the environment serve the current tenant. */
export const checkTenant = Effect.gen(function* () {
  const tenant = yield* Tenant.Current
  if (tenant === Tenant.defaultTenant) return
  const names = ((yield* setting(sharedWith)) ?? "").split(",").map((name) => name.trim())
  if (!names.includes(tenant) && !names.includes("*")) return yield* new NotShared({ tenant })
})

/** Fails unless the key in `variable` serves the current tenant and may be sent to `origin`. */
export const check = Effect.fn("EnvironmentKeys.check")(function* (variable: string, origin: string) {
  yield* checkTenant
  const { addressVariable, own } = homeOf(variable)
  const configured = (yield* setting(Config.String(addressVariable)))?.trim()
  const isConfigured = configured !== undefined && configured !== ""
  const addresses = isConfigured ? [addressVariable === "OLLAMA_HOST" ? Ollama.addressOf(configured) : configured] : own
  const origins = addresses.flatMap((address) => originOf(address) ?? [])
  if (origins.includes(origin)) return
  // Clients must not learn the address that the operator configured.
  const allowed = isConfigured ? `the host in ${addressVariable}` : origins.join(" or ") || undefined
  return yield* new KeyNotForHost({ variable, addressVariable, allowed, origin })
})

/** The key in `variable`, for a call to `origin`; `undefined` where the server does not have it. */
export const keyFor = Effect.fn("EnvironmentKeys.keyFor")(function* (
  variable: string,
  origin: string
): Effect.fn.Return<Redacted.Redacted | undefined, KeyNotForHost | NotShared> {
  yield* check(variable, origin)
  return yield* setting(Config.Redacted(variable))
})
