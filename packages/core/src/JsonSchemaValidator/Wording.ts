/**
 * How violations speak of values and places. Everything is cut, so that no value makes a message
 * long.
 */

/** A step into a value; the root has none. Places are compared by identity. */
export interface Place {
  readonly parent: Place | undefined
  readonly key: string
}

export const root: Place = { parent: undefined, key: "" }

export const escape = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1")

const maxPointer = 300

/** The JSON pointer to a place; a very long one is cut in its middle. */
export const pointer = (place: Place): string => {
  const steps: Array<string> = []
  for (let current = place; current.parent !== undefined; current = current.parent) steps.push(escape(current.key))
  return cut(
    steps
      .reverse()
      .map((step) => `/${step}`)
      .join("")
  )
}

const cut = (text: string): string =>
  text.length <= maxPointer ? text : `${text.slice(0, 200)}…${text.slice(text.length - 90)}`

const maxShown = 80

/** A value as JSON, cut when long: only as much of it is read as is shown. */
export const show = (value: unknown): string => {
  if (value === undefined) return "absent"
  const text = excerpt(value, maxShown)
  return text.length > maxShown ? `${text.slice(0, maxShown - 3)}...` : text
}

/** JSON of which only the first `room` characters are right. */
const excerpt = (value: unknown, room: number): string => {
  if (typeof value === "string") return JSON.stringify(value.slice(0, room))
  if (typeof value !== "object" || value === null) return String(value)
  const isArray = Array.isArray(value)
  let text = isArray ? "[" : "{"
  let isFirst = true
  for (const key in value) {
    if (text.length > room) return text
    const child = (value as { readonly [key: string]: unknown })[key]
    if (child === undefined && !isArray) continue
    if (!isFirst) text += ","
    isFirst = false
    if (!isArray) text += `${excerpt(key, room)}:`
    text += excerpt(child ?? null, room - text.length)
  }
  return text + (isArray ? "]" : "}")
}

const maxListed = 12

/** Values one after the other, cut when many. */
export const list = (values: ReadonlyArray<unknown>): string =>
  values.length <= maxListed
    ? values.map(show).join(", ")
    : `${values.slice(0, maxListed).map(show).join(", ")} and ${values.length - maxListed} more`

export const counted = (count: unknown, one: "character" | "item" | "property"): string =>
  `${show(count)} ${count === 1 ? one : one === "property" ? "properties" : `${one}s`}`

/** With its article. */
export const kind = (type: unknown): string => {
  switch (type) {
    case "null":
      return "null"
    case "array":
    case "object":
    case "integer":
      return `an ${type}`
    default:
      return `a ${String(type)}`
  }
}

export const kindOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "an array" : kind(typeof value)
