/**
 * How built-in tools are made: their schemas are as short as they can be, because every request
 * carries them, and arguments may have the names by which other frameworks know them.
 */
import * as StandardSchema from "@crewline/core/StandardSchema"
import * as Tool from "@crewline/core/Tool"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

export interface Options<A> extends Omit<Tool.Options<Schema.Decoder<A>>, "parameters" | "source"> {
  readonly parameters: Schema.Decoder<A>
  /** Other names of arguments, such as `{ file_path: "path" }`. */
  readonly aliases?: { readonly [alias: string]: string }
}

/** Makes a tool. Throws a `TypeError` when name or parameters cannot be used. */
export const make = <A>({ aliases, parameters, ...options }: Options<A>): Toolbox.Tool => {
  const full = Result.getOrThrow(StandardSchema.jsonSchema(parameters, { onExcessProperty: "error" }))
  const schema = StandardSchema.make(parameters, { onExcessProperty: "error" })
  // What the standard schema validates to is what the Effect schema decodes to.
  const typed = { schema, jsonSchema: lean(full) } as unknown as Schema.Decoder<A>
  const tool = Tool.make({ ...options, parameters: typed, source: "built-in" })
  return aliases === undefined ? tool : { ...tool, ...renaming(tool, aliases) }
}

/** Without what models need not be told: calls are checked against all of the schema. */
const lean = <A>(schema: A): A =>
  // What is left of an object is of its type: the keywords that go are optional.
  Predicate.isReadonlyObject(schema)
    ? (Object.fromEntries(
        Object.entries(schema).flatMap(([key, value]) => (isEmpty(key, value) ? [] : [[key, lean(value)]]))
      ) as A)
    : schema

const isEmpty = (key: string, value: unknown): boolean =>
  (key === "maximum" && value === Number.MAX_SAFE_INTEGER) ||
  ((key === "minLength" || key === "minimum") && value === 1) ||
  (key === "additionalProperties" && value === false)

const renaming = (
  tool: Toolbox.Tool,
  aliases: { readonly [alias: string]: string }
): Pick<Toolbox.Tool, "approval" | "execute" | "need"> => {
  const { approval, execute, need } = tool
  const renamed = (args: Schema.JsonObject): Schema.JsonObject => rename(args, aliases)
  return {
    execute: (args, context) => execute(renamed(args), context),
    ...(approval === undefined ? {} : { approval: (args) => approval(renamed(args)) }),
    ...(need === undefined ? {} : { need: (args, context) => need(renamed(args), context) })
  }
}

/** Arguments under their own names. One that is given by both names is left for the validation. */
const rename = (args: Schema.JsonObject, aliases: { readonly [alias: string]: string }): Schema.JsonObject => {
  const entries = Object.entries(args).map(([key, value]) => {
    const name = Object.hasOwn(aliases, key) ? aliases[key]! : key
    return [Object.hasOwn(args, name) ? key : name, value] as const
  })
  return Object.fromEntries(entries)
}
