/** Adds descriptions to every operation of the OpenAPI document, beyond its schemas. */
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"

interface Operation {
  readonly operationId: string
  readonly parameters: ReadonlyArray<unknown>
  readonly responses: object
}

/** The parts of the document that are used here. */
interface Specification {
  readonly info?: object
  readonly paths?: { readonly [path: string]: { readonly [method: string]: Operation } }
  readonly components?: object
}

const ifNoneMatch = {
  name: "If-None-Match",
  in: "header",
  required: false,
  schema: { type: "string" },
  description: "ETag of an answer that the client has; 304 when it is still the same. Without effect on streams"
}

const conditional = ({ parameters, responses }: Operation) => ({
  parameters: [...parameters, { $ref: "#/components/parameters/IfNoneMatch" }],
  responses: { ...responses, 304: { description: "The answer that If-None-Match names still holds" } }
})

/**
 * The rest of a path is `*` in routes, and `{path}` in the document. Effect also serves such a
 * route without the rest; `GET` is then another operation.
 */
const named = (paths: NonNullable<Specification["paths"]>): NonNullable<Specification["paths"]> =>
  Object.fromEntries(
    Object.entries(paths).flatMap(([path, item]) => {
      if (!path.endsWith("/*")) return [[path, item]]
      const isRest = (parameter: unknown) => Predicate.hasProperty(parameter, "name") && parameter.name === "*"
      const one = Record.map(item, (operation) => ({
        ...operation,
        parameters: operation.parameters.map((parameter) =>
          isRest(parameter) ? { ...Object(parameter), name: "path", required: true } : parameter
        )
      }))
      const { get } = item
      const [group] = get?.operationId.split(".") ?? []
      const all =
        get === undefined
          ? {}
          : {
              get: { ...get, operationId: `${group}.list`, parameters: get.parameters.filter((each) => !isRest(each)) }
            }
      return [
        [path.slice(0, -2), all],
        [`${path.slice(0, -1)}{path}`, one]
      ]
    })
  )

/** Adds the access that each operation requires, and that every GET may be conditional. */
export const complete = (access: { readonly [operationId: string]: string }) => (document: Specification) => ({
  ...document,
  info: { ...document.info, contact: { name: "Crewline" } },
  components: { ...document.components, parameters: { IfNoneMatch: ifNoneMatch } },
  paths: named(
    Record.map(document.paths ?? {}, (item) =>
      Record.map(item, (operation, method) => ({
        ...operation,
        ...(method === "get" && conditional(operation)),
        // Effect names each operation after its group and its endpoint.
        "x-crewline-access": access[operation.operationId]
      }))
    )
  )
})
