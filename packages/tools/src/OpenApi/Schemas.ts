/**
 * Schemas of OpenAPI 3.0 and 3.1 as JSON Schema 2020-12. References stay references: what a schema
 * refers to goes into the `$defs` of the arguments, so that recursive types work and nothing is
 * unfolded.
 */
import * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import type { Findings, Path } from "./Findings.ts"

type Converted = JsonSchema.JsonSchema

/** Definitions that one operation may refer to, directly or not. */
const maxDefinitions = 200
/** Characters of the arguments' schema of one tool, as JSON. */
export const maxSchema = 64 * 1024
/**
 * Characters of all schemas that are looked at, each as often as it is: references, and aliases in
 * YAML, let a short document repeat a long schema.
 */
const maxRead = 8 * 1024 * 1024

/** A schema, what it refers to, and its size in characters of JSON. */
interface Definition {
  readonly schema: Converted
  readonly references: ReadonlySet<string>
  readonly size: number
}

export class Schemas {
  readonly #findings: Findings
  readonly #definitions: { readonly [name: string]: unknown }
  readonly #convert: (schema: Converted) => JsonSchema.Document<"draft-2020-12">
  readonly #known = new Map<string, Definition | undefined>()
  #read = 0

  constructor(findings: Findings, definitions: unknown, version: "3.0" | "3.1") {
    this.#findings = findings
    this.#definitions = Predicate.isReadonlyObject(definitions) ? definitions : {}
    this.#convert = version === "3.0" ? JsonSchema.fromSchemaOpenApi3_0 : JsonSchema.fromSchemaOpenApi3_1
  }

  /** So much has been looked at that nothing more will be. */
  get isSpent(): boolean {
    return this.#read > maxRead
  }

  /** The schema as JSON Schema; `undefined`: it cannot be used, which is a problem. */
  of(schema: unknown, path: Path): Converted | undefined {
    if (schema === undefined || schema === true) return {}
    if (schema === false) return { not: {} }
    if (!Predicate.isReadonlyObject(schema)) return this.#findings.add("invalid-value", path, "Expected a schema.")
    if (this.isSpent) return this.#tooMuch(path)
    try {
      this.#read += JSON.stringify(schema).length
      const { definitions, schema: converted } = this.#convert(schema)
      if (Object.keys(definitions).length === 0) return converted
      const message = "Schemas with $defs of their own are not supported: move them to components/schemas."
      return this.#findings.add("invalid-value", [...path, "$defs"], message)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return this.#findings.add("invalid-value", path, `The schema cannot be used: ${reason}`)
    }
  }

  /**
   * Everything that the schema refers to, by name; `undefined`: not all of it can be used, which is
   * a problem. `path`: of the operation.
   */
  definitionsOf(schema: Converted, path: Path): { readonly [name: string]: Converted } | undefined {
    const found = new Map<string, Converted>()
    let size = 0
    const pending = [...referencesIn(schema)]
    for (let reference = pending.pop(); reference !== undefined; reference = pending.pop()) {
      const name = this.#nameOf(reference, path)
      if (name === undefined) return undefined
      if (found.has(name)) continue
      if (found.size === maxDefinitions) {
        const message = `The operation refers to more than ${maxDefinitions} schemas: leave it out with "except".`
        return this.#findings.add("too-large", path, message)
      }
      const definition = this.#definition(name)
      if (definition === undefined) return undefined
      size += definition.size
      this.#read += definition.size
      if (size > maxSchema) {
        const message = `The operation refers to schemas of more than ${maxSchema} characters of JSON: leave it out with "except".`
        return this.#findings.add("too-large", path, message)
      }
      if (this.isSpent) return this.#tooMuch(path)
      found.set(name, definition.schema)
      for (const inner of definition.references) pending.push(inner)
    }
    for (const name of found.keys()) {
      const seen = new Set<string>()
      for (let next: string | undefined = name; next !== undefined; next = targetOf(found.get(next))) {
        if (seen.has(next)) {
          const at = ["components", "schemas", next]
          return this.#findings.add(
            "circular-reference",
            at,
            `The schema ${JSON.stringify(next)} is only a reference, which leads to itself.`
          )
        }
        seen.add(next)
      }
    }
    return Object.fromEntries(found)
  }

  /** The name of the schema that is referred to. */
  #nameOf(reference: string, path: Path): string | undefined {
    if (!reference.startsWith("#")) return this.#findings.outside(reference, path)
    const name = targetOf({ $ref: reference })
    if (name === undefined) {
      const message = `The reference ${JSON.stringify(reference)} is not supported: schemas may refer to #/components/schemas/<name>.`
      return this.#findings.add("unknown-reference", path, message)
    }
    return Object.hasOwn(this.#definitions, name) ? name : this.#findings.missing(`#/components/schemas/${name}`, path)
  }

  #definition(name: string): Definition | undefined {
    if (this.#known.has(name)) return this.#known.get(name)
    const schema = this.of(this.#definitions[name], ["components", "schemas", name])
    const definition = schema && { schema, references: referencesIn(schema), size: JSON.stringify(schema).length }
    this.#known.set(name, definition)
    return definition
  }

  #tooMuch(path: Path): undefined {
    const message = `The schemas have more than ${maxRead} characters of JSON, each as often as it is referred to: choose some operations with "operations" or "except".`
    return this.#findings.add("too-large", path, message)
  }
}

/** The definition that the schema is a reference to. */
const targetOf = (schema: Converted | undefined): string | undefined =>
  typeof schema?.["$ref"] === "string" ? /^#\/\$defs\/([\w.-]+)$/.exec(schema["$ref"])?.[1] : undefined

/** Keywords whose value maps names to schemas. */
const maps = new Set(["properties", "patternProperties", "dependentSchemas", "$defs"])
/** Keywords whose value is data. */
const data = new Set(["const", "default", "enum", "example", "examples"])

/** What a schema refers to. */
const referencesIn = (schema: Converted): ReadonlySet<string> => {
  const found = new Set<string>()
  const pending: Array<unknown> = [schema]
  while (pending.length > 0) {
    const next = pending.pop()
    if (Array.isArray(next)) for (const item of next) pending.push(item)
    if (!Predicate.isReadonlyObject(next)) continue
    for (const [keyword, value] of Object.entries(next)) {
      if (keyword === "$ref" && typeof value === "string") found.add(value)
      else if (maps.has(keyword) && Predicate.isReadonlyObject(value))
        for (const inner of Object.values(value)) pending.push(inner)
      else if (!data.has(keyword) && !keyword.startsWith("x-")) pending.push(value)
    }
  }
  return found
}
