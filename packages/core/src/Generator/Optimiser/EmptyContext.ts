/**
 * Converts `context` to `dependsOn` if the output of the task that is read contains no information,
 * because its schema allows at most one value. The order is unchanged, and the prompt is shorter.
 *
 * Tasks that may be skipped, or fail while others continue, stay in `context`, because their
 * readers are informed of that.
 */
import * as Struct from "effect/Struct"
import type * as Schema from "effect/Schema"
import type { Definition } from "../../Crew.ts"
import type { Task } from "../../Task.ts"
import type { Changed } from "./Changed.ts"

export const apply = (definition: Definition): Changed => {
  const empty = new Set(
    Object.entries(definition.tasks).flatMap(([name, task]) => (carriesNothing(task) ? [name] : []))
  )
  if (empty.size === 0) return { definition, changes: [] }
  const changes: Array<string> = []
  const tasks = Object.entries(definition.tasks).map(([name, task]): [string, Task] => {
    const { context = [], dependsOn = [] } = task
    const useless = [...new Set(context)].filter((one) => empty.has(one))
    if (useless.length === 0) return [name, task]
    for (const one of useless)
      changes.push(`The output of ${one} cannot carry anything: the task ${name} waits for it without reading it.`)
    const kept = context.filter((one) => !empty.has(one))
    const waits = { dependsOn: [...new Set([...dependsOn, ...useless])] }
    // In a sequential crew, an absent context would mean the outputs of all earlier tasks.
    return kept.length === 0 && definition.process !== "sequential"
      ? [name, { ...Struct.omit(task, ["context"]), ...waits }]
      : [name, { ...task, ...waits, context: kept }]
  })
  return changes.length === 0
    ? { definition, changes }
    : { definition: { ...definition, tasks: Object.fromEntries(tasks) }, changes }
}

const carriesNothing = ({ onFailure, output, when }: Task): boolean =>
  output !== undefined && when === undefined && onFailure !== "continue" && isConstant(output)

/** Whether at most one value is valid for the schema, as far as its keywords show. */
const isConstant = (schema: Schema.JsonObject): boolean => {
  if (Object.hasOwn(schema, "const")) return true
  const values = schema["enum"]
  if (Array.isArray(values)) return values.length <= 1
  switch (schema["type"]) {
    case "null":
      return true
    case "string":
      return schema["maxLength"] === 0
    case "array":
      return schema["maxItems"] === 0
    case "object":
      return (
        schema["additionalProperties"] === false &&
        schema["patternProperties"] === undefined &&
        Object.keys(Object(schema["properties"])).length === 0
      )
    default:
      return false
  }
}
