/** `crewline keys`: creates, lists, rotates and revokes API keys. */
import * as Name from "@crewline/core/Name"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Access from "../Api/Access.ts"
import * as Keys from "../Api/Keys.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import * as Resources from "./Resources.ts"
import * as Layout from "./View/Layout.ts"
import { type Options, tenantOf, valid } from "./TenantOptions.ts"

const open = Effect.fnUntraced(function* (options: Options) {
  return yield* Resources.keys(options.data, yield* tenantOf(options))
})

/** The key alone goes to stdout: it is shown only now. */
const show = Effect.fnUntraced(function* (made: Keys.NewKey, { json }: Options) {
  const output = yield* Output.Output
  const { id, key, name, prefix, role, tenant } = made
  if (json) return yield* output.result(JSON.stringify({ id, key, prefix, tenant, role }))
  yield* output.say(`The key ${id} (${name}, ${role} of ${tenant}) is shown only once:`)
  yield* output.result(key)
})

export interface CreateOptions extends Options {
  readonly name: string
  readonly role: Access.Role
  readonly scopes: Option.Option<string>
  readonly expires: Option.Option<string>
}

const decodeName = Schema.decodeUnknownResult(Name.Name)
const decodeScopes = Schema.decodeUnknownResult(Schema.NonEmptyArray(Access.Scope))
const decodeSpan = Schema.decodeUnknownResult(Keys.Span)

export const create = Effect.fn("Keys.create")(function* (options: CreateOptions) {
  const { expires, name, role, scopes } = options
  const body: Keys.KeyBody = {
    name: yield* valid("--name", decodeName(name)),
    role,
    ...(Option.isSome(scopes) && {
      scopes: yield* valid("--scopes", decodeScopes(scopes.value.split(",").map((scope) => scope.trim())))
    }),
    ...(Option.isSome(expires) && { expires: yield* valid("--expires", decodeSpan(expires.value)) })
  }
  const ofRole = Access.scopesOf(role)
  const lacking = (body.scopes ?? []).filter((scope) => !ofRole.includes(scope))
  if (lacking.length > 0) {
    return yield* Failure.invalid(
      `The role ${role} does not have ${lacking.join(", ")}: its scopes are ${ofRole.join(", ")}.`
    )
  }
  yield* show(yield* (yield* open(options)).create(body), options)
}, Effect.scoped)

export const list = Effect.fn("Keys.list")(function* (options: Options) {
  const output = yield* Output.Output
  const items = yield* (yield* open(options)).list
  if (options.json) return yield* output.result(JSON.stringify({ items }))
  if (items.length === 0) return yield* output.result("This tenant has no keys; --tenant selects another one.")
  for (const { expiresAt, id, lastUsedAt, name, prefix, role, status } of items) {
    const used = lastUsedAt === undefined ? "never used" : `last used ${lastUsedAt}`
    const until = expiresAt === undefined || status !== "active" ? "" : `, until ${expiresAt}`
    yield* output.result(`${id}  ${prefix}…  ${status}  ${role}  ${Layout.oneLine(name)}  (${used}${until})`)
  }
}, Effect.scoped)

export interface RotateOptions extends Options {
  readonly id: string
  readonly overlap: Option.Option<string>
}

export const rotate = Effect.fn("Keys.rotate")(function* (options: RotateOptions) {
  const overlap = Option.isSome(options.overlap)
    ? yield* valid("--overlap", decodeSpan(options.overlap.value))
    : undefined
  yield* show(yield* (yield* open(options)).rotate(options.id, overlap), options)
}, Effect.scoped)

export const revoke = Effect.fn("Keys.revoke")(function* (options: Options & { readonly id: string }) {
  const output = yield* Output.Output
  yield* (yield* open(options)).revoke(options.id)
  yield* output.result(options.json ? JSON.stringify({ id: options.id, status: "revoked" }) : `Revoked ${options.id}.`)
}, Effect.scoped)
