/**
 * Validates JSON against a JSON Schema (draft 2020-12) and reports all violations in messages that
 * a person, or a model that must correct its answer, can act on. Never throws and always ends soon:
 * a value or schema that exceeds its limits is a normal error. Dynamic references (`$dynamicRef`)
 * are the one part of the draft that is not supported; `check` refuses them.
 */
import * as Predicate from "effect/Predicate"
import type * as JsonSchema from "effect/JsonSchema"
import * as Evaluation from "./JsonSchemaValidator/Evaluation.ts"
import { Findings } from "./JsonSchemaValidator/Findings.ts"
import * as Keywords from "./JsonSchemaValidator/Keywords.ts"
import * as References from "./JsonSchemaValidator/References.ts"
import * as Wording from "./JsonSchemaValidator/Wording.ts"
import * as JsonDepth from "./JsonDepth.ts"

/** One thing that is wrong with a value or a schema. */
export interface Violation {
  /** JSON pointer to it; empty for the whole. A very long one is cut in its middle. */
  readonly path: string
  /** What is wrong, to be read after the path: `must be a string, not a number`. */
  readonly message: string
}

export interface Validator {
  /**
   * What is wrong with the value, the same thing once, at most 100 things; empty when it is valid.
   * With `work` several validations may together cost what a single one may.
   */
  readonly validate: (value: unknown, work?: Work) => ReadonlyArray<Violation>
}

/** What validations may still cost. */
export { isOf } from "./JsonSchemaValidator/Json.ts"
export type Work = Evaluation.Work
export const makeWork: () => Work = Evaluation.makeWork

const maxViolations = 100

const validators = new WeakMap<object, Validator>()

/** The validator of a schema: compiled once per schema object, which must not change afterwards. */
export const make = (schema: JsonSchema.JsonSchema): Validator => {
  const known = validators.get(schema)
  if (known !== undefined) return known
  const validator = compile(schema)
  validators.set(schema, validator)
  return validator
}

/**
 * What keeps this from being a usable JSON Schema (draft 2020-12), at most 100 things; empty when
 * nothing does.
 */
export const check = (schema: unknown): ReadonlyArray<Violation> => inspect(schema).problems

const undecided = "cannot be validated"

/**
 * Whether the validity of the value is unknown, because the schema is invalid or a limit was
 * reached.
 */
export const isUndecided = ({ message }: Violation): boolean => message.startsWith(undecided)

/** A violation as one line: `/title must be a string, not a number`. */
export const describe = (violation: Violation): string => `${violation.path || "The value"} ${violation.message}`

const inspect = (
  schema: unknown
): { readonly problems: ReadonlyArray<Violation>; readonly targets: References.Targets } => {
  if (JsonDepth.isTooDeep(schema))
    return {
      problems: [{ path: "", message: `cannot be used as a JSON Schema: it ${JsonDepth.tooDeep}` }],
      targets: new Map()
    }
  const findings = new Findings(maxViolations)
  Keywords.check(schema, (place, message) => findings.add("", place, () => message))
  if (findings.total > 0 || !Predicate.isObject(schema)) return { problems: violations(findings), targets: new Map() }
  const { problems, targets } = References.find(schema)
  for (const { message, place } of problems) findings.add("", place, () => message)
  return { problems: violations(findings), targets }
}

const compile = (schema: JsonSchema.JsonSchema): Validator => {
  const { problems, targets } = inspect(schema)
  if (problems.length > 0) {
    const message = `${undecided} because its schema is invalid: ${problems.map(describeSchema).join("; ")}`
    return { validate: () => [{ path: "", message }] }
  }
  return {
    validate: (value, work) => {
      if (value === undefined) return [{ path: "", message: "is absent" }]
      const findings = new Findings(maxViolations)
      try {
        new Evaluation.Evaluation(targets, work).evaluate(schema, value, Wording.root, findings)
        return violations(findings)
      } catch (error) {
        return [{ path: "", message: `${undecided}: ${reason(error)}` }]
      }
    }
  }
}

const describeSchema = ({ message, path }: Violation): string => `${path || "it"} ${message}`

const reason = (error: unknown): string => {
  if (error instanceof Evaluation.Stopped) return error.message
  if (error instanceof RangeError) return "it is nested too deeply"
  return error instanceof Error ? error.message.split("\n")[0]! : String(error)
}

const violations = ({ list, total }: Findings): ReadonlyArray<Violation> => {
  const seen = new Set<string>()
  const distinct = list
    .map(({ at, message }) => ({ path: Wording.pointer(at), message }))
    .filter((violation) => {
      const key = describe(violation)
      return !seen.has(key) && seen.add(key)
    })
  return total <= maxViolations
    ? distinct
    : [...distinct, { path: "", message: `has ${total - maxViolations} more problems` }]
}
