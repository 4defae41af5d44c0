/**
 * `crewline secrets`: stores, lists and removes keys that tools need. Stored values are never
 * shown.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Secrets from "../Api/Secrets.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import * as Resources from "./Resources.ts"
import * as Layout from "./View/Layout.ts"
import { type Options, tenantOf, valid } from "./TenantOptions.ts"

const open = Effect.fnUntraced(function* (options: Options) {
  return yield* Resources.secrets(options.data, yield* tenantOf(options))
})

export interface SetOptions extends Options {
  readonly name: string
  readonly description: Option.Option<string>
}

const decodeBody = Schema.decodeUnknownResult(Schema.Struct(Secrets.fields), { errors: "all" })
const isValue = Schema.is(Secrets.Value)

/** On standard input, and so in no list of processes and in no history. */
const valueOf = Effect.fnUntraced(function* () {
  const { input } = yield* Output.Output
  if (input === undefined)
    return yield* Failure.invalid(
      "Pass the secret on standard input to keep it out of the shell history: crewline secrets set <name> < file"
    )
  const value = Redacted.make((yield* input).replace(/\r?\n$/, ""), { label: "secret" })
  if (!isValue(value))
    return yield* Failure.invalid("Invalid secret on standard input: expected 8 to 16,000 characters.")
  return value
})

export const set = Effect.fn("Secrets.set")(function* (options: SetOptions) {
  const { description, json, name } = options
  const output = yield* Output.Output
  const body = yield* valid(
    "The secret",
    decodeBody({ name, ...(Option.isSome(description) && { description: description.value }) })
  )
  const stored = yield* (yield* open(options)).set(body, yield* valueOf())
  yield* output.result(json ? JSON.stringify(stored) : `Stored ${stored.name} (${stored.id}).`)
}, Effect.scoped)

export const list = Effect.fn("Secrets.list")(function* (options: Options) {
  const output = yield* Output.Output
  const items = yield* (yield* open(options)).list
  if (options.json) return yield* output.result(JSON.stringify({ items }))
  if (items.length === 0) return yield* output.result("There are no secrets.")
  for (const { description, id, name, updatedAt } of items)
    yield* output.result(
      `${id}  ${name}  ${updatedAt}${description === undefined ? "" : `  ${Layout.oneLine(description)}`}`
    )
}, Effect.scoped)

export const remove = Effect.fn("Secrets.remove")(function* (options: Options & { readonly name: string }) {
  const { json, name } = options
  const output = yield* Output.Output
  yield* (yield* open(options)).remove(name)
  yield* output.result(json ? JSON.stringify({ name, removed: true }) : `Removed ${name}.`)
}, Effect.scoped)
