/** Parameters of an operation as arguments of a tool, each with how it is sent. */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import { type Findings, type Located, type Path, quote } from "./Findings.ts"
import type { Input } from "./Operation.ts"
import type { Schemas } from "./Schemas.ts"

export interface Argument {
  readonly input: Input
  readonly schema: JsonSchema.JsonSchema
  readonly isRequired: boolean
}

/** Headers that the request sets itself, and those that could disguise or redirect it. */
const reservedHeaders =
  /^(?:accept|authorization|connection|content-.*|cookie|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/i

const styles: { readonly [place in Input["in"]]: ReadonlyArray<Input["style"]> } = {
  path: ["simple"],
  query: ["form", "spaceDelimited", "pipeDelimited", "deepObject"],
  header: ["simple"]
}

/** The argument of the request body. */
export const bodyArgument = "body"

/**
 * Parameters of the path and of the operation, which come first; of the same name and place the
 * operation's counts.
 */
export const read = (
  lists: ReadonlyArray<{ readonly value: unknown; readonly path: Path }>,
  { findings, schemas }: { readonly findings: Findings; readonly schemas: Schemas }
): ReadonlyArray<Argument> => {
  const located = new Map<string, Located>()
  for (const { path, value } of lists) {
    if (value === undefined) continue
    if (!Array.isArray(value)) {
      findings.add("invalid-value", path, "Expected a list of parameters.")
      continue
    }
    value.forEach((item: unknown, index) => {
      const found = findings.object(item, [...path, index], "a parameter")
      if (found === undefined) return
      const { in: place, name } = found.value
      const key = JSON.stringify([place, name])
      if (!located.has(key)) located.set(key, found)
    })
  }
  const taken = new Set([bodyArgument])
  return [...located.values()].flatMap((found) => {
    const made = parameter(found, findings, schemas)
    if (made === undefined) return []
    const { input } = made
    const name = [input.argument, `${input.in}_${input.argument}`.slice(0, 64)].find((each) => !taken.has(each))
    if (name === undefined) {
      const message = `The parameter ${quote(input.name)} has the name of another one: rename it.`
      return findings.add("name-taken", found.path, message) ?? []
    }
    taken.add(name)
    return [{ ...made, input: { ...input, argument: name } }]
  })
}

const parameter = ({ path, value }: Located, findings: Findings, schemas: Schemas): Argument | undefined => {
  const { content, description, in: place, name, required } = value
  if (typeof name !== "string" || name === "")
    return findings.add("invalid-value", [...path, "name"], "Expected a name.")
  const isRequired = required === true || place === "path"
  if (place !== "path" && place !== "query" && place !== "header") {
    // Without an optional cookie the operation can be called.
    if (place === "cookie" && !isRequired) return undefined
    const message = `The parameter ${quote(name)} is in ${quote(String(place))}: only path, query and header can be sent.`
    return findings.add("unsupported", [...path, "in"], message)
  }
  // Per OpenAPI, definitions of Accept, Content-Type and Authorization are ignored.
  if (place === "header" && reservedHeaders.test(name)) {
    if (!isRequired || /^(?:accept|content-type|authorization)$/i.test(name)) return undefined
    return findings.add("unsupported", [...path, "name"], `The header ${quote(name)} cannot be set by a tool.`)
  }
  const argument = name.replaceAll(/[^A-Za-z0-9_.-]+/g, "_").slice(0, 64)
  const describe = (schema: JsonSchema.JsonSchema) =>
    typeof description === "string" && description !== "" && !("description" in schema)
      ? { ...schema, description }
      : schema
  if (content !== undefined) {
    const types = Predicate.isReadonlyObject(content) ? Object.keys(content) : []
    const type = types.find(isJson)
    if (type === undefined) {
      const message = `The parameter ${quote(name)} is ${types.join(", ") || "of no media type"}: only JSON is supported.`
      return findings.add("unsupported-media-type", [...path, "content"], message)
    }
    const media = findings.object(Object(content)[type], [...path, "content", type], "a media type")
    const schema = media && schemas.of(media.value["schema"], [...media.path, "schema"])
    return (
      schema && {
        schema: describe(schema),
        isRequired,
        input: { argument, name, in: place, style: "json", explode: false }
      }
    )
  }
  const { explode, style = styles[place][0] } = value
  const known = styles[place].find((each) => each === style)
  if (known === undefined) {
    const message = `The style ${quote(String(style))} is not supported for a parameter in ${place}: use ${styles[place].join(" or ")}.`
    return findings.add("unsupported", [...path, "style"], message)
  }
  const schema = schemas.of(value["schema"], [...path, "schema"])
  return (
    schema && {
      schema: describe(schema),
      isRequired,
      input: {
        argument,
        name,
        in: place,
        style: known,
        explode: typeof explode === "boolean" ? explode : known === "form"
      }
    }
  )
}

/** Whether bodies of this media type are JSON. */
export const isJson = (type: string): boolean => /^application\/(?:[\w.+-]+\+)?json(?:\s*;.*)?$/i.test(type.trim())
