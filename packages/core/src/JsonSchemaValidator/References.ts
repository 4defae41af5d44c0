/**
 * Where the `$ref`s of a schema lead: to a place in it, by pointer, by `$anchor`, or by the `$id`
 * of an embedded schema. Found once for each schema, in time linear in its size.
 */
import * as Predicate from "effect/Predicate"
import * as Keywords from "./Keywords.ts"
import * as Wording from "./Wording.ts"

export type Schema = { readonly [keyword: string]: unknown }

/** By the schema that has the `$ref`. */
export type Targets = ReadonlyMap<Schema, Schema | boolean>

export interface Found {
  readonly targets: Targets
  readonly problems: ReadonlyArray<{ readonly place: Wording.Place; readonly message: string }>
}

/** A schema with a base of its own. */
interface Resource {
  readonly root: Schema
  readonly base: string
  readonly anchors: Map<string, Schema>
}

interface Located {
  readonly schema: Schema
  readonly resource: Resource
  readonly place: Wording.Place
}

/** References that lead from one to the next. */
const maxChain = 100

/** Where a schema without an `$id` is taken to be. */
const nowhere = "https://schema.invalid/"

export const find = (root: Schema): Found => {
  const problems: Array<{ readonly place: Wording.Place; readonly message: string }> = []
  const resources = new Map<string, Resource>()
  const referring: Array<Located> = []
  const targets = new Map<Schema, Schema | boolean>()
  const seen = new Set<Schema>()

  const visit = (start: Located): void => {
    const pending = [start]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { place, schema } = next
      if (seen.has(schema)) continue
      seen.add(schema)
      let { resource } = next
      if (typeof schema["$id"] === "string" && schema !== root) {
        const base = resolve(schema["$id"], resource.base)
        if (base === undefined)
          problems.push({ place, message: `has an $id that is not a URI: ${Wording.show(schema["$id"])}` })
        else if (resources.has(base))
          problems.push({ place, message: `has the $id ${Wording.show(base)}, which another schema already has` })
        else {
          resource = { root: schema, base, anchors: new Map() }
          resources.set(base, resource)
        }
      }
      if (typeof schema["$anchor"] === "string") resource.anchors.set(schema["$anchor"], schema)
      if (typeof schema["$ref"] === "string") referring.push({ schema, resource, place })
      const children = Keywords.subschemas(schema).map(([steps, child]) => ({
        schema: child,
        resource,
        place: steps.reduce((parent: Wording.Place, key) => ({ parent, key }), place)
      }))
      // The first is taken next: problems come in the order of the schema.
      for (const child of children.reverse()) pending.push(child)
    }
  }

  const base = typeof root["$id"] === "string" ? resolve(root["$id"], nowhere) : nowhere
  if (base === undefined)
    problems.push({ place: Wording.root, message: `has an $id that is not a URI: ${Wording.show(root["$id"])}` })
  const own: Resource = { root, base: base ?? nowhere, anchors: new Map() }
  resources.set(own.base, own)
  visit({ schema: root, resource: own, place: Wording.root })

  // Grows while it is walked: what is referred to may stand where no keyword holds schemas.
  for (const { place, resource, schema } of referring) {
    const reference = schema["$ref"] as string
    const target = targetOf(reference, resource, resources)
    if (target === undefined) {
      problems.push({ place, message: `has a $ref to ${Wording.show(reference)}, which is not in the schema` })
      continue
    }
    targets.set(schema, target.schema)
    if (Predicate.isObject(target.schema)) visit({ schema: target.schema, resource: target.resource, place })
  }
  return { targets, problems: [...problems, ...endless(referring, targets)] }
}

const resolve = (reference: string, base: string): string | undefined => {
  if (!URL.canParse(reference, base)) return undefined
  const url = new URL(reference, base)
  url.hash = ""
  return url.href
}

const targetOf = (
  reference: string,
  from: Resource,
  resources: ReadonlyMap<string, Resource>
): { readonly schema: Schema | boolean; readonly resource: Resource } | undefined => {
  const hash = reference.indexOf("#")
  const uri = hash === -1 ? reference : reference.slice(0, hash)
  const base = uri === "" ? from.base : resolve(uri, from.base)
  const resource = base === undefined ? undefined : resources.get(base)
  if (resource === undefined) return undefined
  let fragment: string
  try {
    fragment = hash === -1 ? "" : decodeURIComponent(reference.slice(hash + 1))
  } catch {
    return undefined
  }
  const found =
    fragment === "" || fragment.startsWith("/") ? at(resource.root, fragment) : resource.anchors.get(fragment)
  return typeof found === "boolean" || Predicate.isObject(found) ? { schema: found, resource } : undefined
}

/** What a JSON pointer leads to. */
const at = (root: unknown, pointer: string): unknown => {
  let current = root
  for (const step of pointer.split("/").slice(1)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~")
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) return undefined
    current = (current as { readonly [key: string]: unknown })[key]
  }
  return current
}

/** References that lead to references, back to themselves or too often. Each is followed once. */
const endless = (referring: ReadonlyArray<Located>, targets: Targets): Found["problems"] => {
  /** How many references follow; infinite for those that lead back to themselves. */
  const lengths = new Map<unknown, number>()
  const problems: Array<{ readonly place: Wording.Place; readonly message: string }> = []
  for (const { place, schema } of referring) {
    const chain: Array<Schema> = []
    const inChain = new Set<unknown>()
    let next: Schema | boolean | undefined = schema
    while (typeof next === "object" && targets.has(next) && !lengths.has(next) && !inChain.has(next)) {
      chain.push(next)
      inChain.add(next)
      next = targets.get(next)
    }
    let length = inChain.has(next) ? Infinity : (lengths.get(next) ?? 0)
    for (const one of chain.reverse()) lengths.set(one, ++length)
    const reference = Wording.show(schema["$ref"])
    const own = lengths.get(schema) ?? 0
    if (own === Infinity) problems.push({ place, message: `has a $ref to ${reference} that refers back to itself` })
    else if (own > maxChain)
      problems.push({
        place,
        message: `has a $ref to ${reference} that leads through more than ${maxChain} other references`
      })
  }
  return problems
}
