/**
 * From the issues of a Schema to the problems of a crew: each with a code, a path and a sentence,
 * one for each place.
 */
import * as Predicate from "effect/Predicate"
import type * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as Wording from "./Wording.ts"
import type { Path } from "./PlainJson.ts"
import { PathMap } from "./PathMap.ts"
import type { Problem } from "./Problem.ts"
import type { Suggester } from "../Suggestion.ts"

/** Keys of other formats, and their names here. */
const synonyms: { readonly [key: string]: string } = {
  expected_output: "expectedOutput",
  depends_on: "dependsOn",
  dependencies: "dependsOn",
  needs: "dependsOn",
  output_file: "outputFile",
  output_json: "output",
  output_pydantic: "output",
  output_schema: "output",
  outputSchema: "output",
  schema: "output",
  guardrail: "guardrails",
  guardrail_max_retries: "maxRepairs",
  max_execution_time: "timeout",
  timeLimit: "timeout",
  max_retry_limit: "retry",
  retries: "retry",
  condition: "when",
  max_iter: "maxTurns",
  maxIterations: "maxTurns",
  llm: "model",
  prompt: "description",
  temperature: "modelOptions",
  max_tokens: "modelOptions",
  human_input: "humanInput",
  allow_delegation: "allowDelegation",
  manager_llm: "manager",
  manager_agent: "manager"
}

export interface Options {
  readonly issue: SchemaIssue.Issue
  /** The value that was decoded. */
  readonly value: unknown
  /** The place of the value in the crew. */
  readonly path: Path
  readonly suggester: Suggester
}

/** Everything that the Schema found. */
export const fromIssue = ({ issue, path, suggester, value }: Options): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const places = new PathMap<number>()
  const report = (problem: Problem) => {
    const known = places.get(problem.path)
    // Of several checks that one value fails, the last is the most particular.
    if (known !== undefined) problems[known] = problem
    else places.set(problem.path, problems.push(problem) - 1)
  }
  const visit = (current: SchemaIssue.Issue, at: Path, actual: unknown): void => {
    switch (current._tag) {
      case "Composite":
        return current.issues.forEach((inner) => visit(inner, at, actual))
      case "Pointer": {
        const steps = current.path.map((step) => (typeof step === "symbol" ? String(step) : step))
        return visit(current.issue, [...at, ...steps], steps.reduce(property, actual))
      }
      case "Encoding":
        return visit(current.issue, at, actual)
      case "MissingKey":
        return report({ code: "missing-key", path: at, message: `${Wording.place(at)} is missing.` })
      case "UnexpectedKey":
        return report(unknownKey(at, keysOf(current.ast), suggester))
      case "Filter": {
        const empty = typeof actual === "string" ? actual.trim() === "" : Array.isArray(actual) && actual.length === 0
        const expected = annotation(current.filter.annotations, "expected") ?? "valid"
        return report({
          code: empty ? "empty" : "invalid-value",
          path: at,
          message: empty
            ? `${Wording.place(at)} is empty: it must be ${expected}.`
            : `${Wording.place(at)} must be ${expected}, but is ${Wording.show(actual)}.`
        })
      }
      case "AnyOf": {
        // Of `true` or an object, an object is judged as one.
        if (Predicate.isReadonlyObject(actual) && current.issues.length === 1)
          return visit(current.issues[0]!, at, actual)
        const literals = current.ast.types.flatMap((type) => (type._tag === "Literal" ? [String(type.literal)] : []))
        const isLiteral = literals.length === current.ast.types.length
        const inKind = isLiteral ? typeof actual === "string" : current.issues.length > 0
        const suggestion = isLiteral && typeof actual === "string" ? suggester.closest(actual, literals) : undefined
        return report({
          code: inKind ? "invalid-value" : "wrong-type",
          path: at,
          message: `${Wording.place(at)} must be ${kindOf(current.ast)}, but is ${Wording.show(actual)}.`,
          ...(suggestion === undefined ? {} : { suggestion })
        })
      }
      case "InvalidType":
        return report({
          code: "wrong-type",
          path: at,
          message: `${Wording.place(at)} must be ${kindOf(current.ast)}, but is ${Wording.show(actual)}.`
        })
      default:
        return report({
          code: "invalid-value",
          path: at,
          message: `${Wording.place(at)} must be valid, but is ${Wording.show(actual)}.`
        })
    }
  }
  visit(issue, path, value)
  return withoutEchoes(problems)
}

/**
 * `expected_output` in place of `expectedOutput` is one mistake, not an unknown key and a missing
 * one.
 */
const withoutEchoes = (problems: ReadonlyArray<Problem>): ReadonlyArray<Problem> => {
  const meant = new PathMap<true>()
  for (const { code, path, suggestion } of problems)
    if (code === "unknown-key" && suggestion !== undefined) meant.set([...path.slice(0, -1), suggestion], true)
  return problems.filter(({ code, path }) => code !== "missing-key" || meant.get(path) === undefined)
}

/** The problem of a key that nothing knows. */
export const unknownKey = (path: Path, known: ReadonlyArray<string>, suggester: Suggester): Problem => {
  const key = String(path.at(-1))
  const synonym = Object.hasOwn(synonyms, key) ? synonyms[key] : undefined
  const suggestion = synonym !== undefined && known.includes(synonym) ? synonym : suggester.closest(key, known)
  return {
    code: "unknown-key",
    path,
    message:
      suggestion === undefined
        ? `${Wording.place(path)} is not a valid key; the valid keys are ${known.join(", ")}.`
        : `${Wording.place(path)} is not a valid key: did you mean ${Wording.quote(suggestion)}?`,
    ...(suggestion === undefined ? {} : { suggestion })
  }
}

const keysOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  ast._tag === "Objects" ? ast.propertySignatures.map(({ name }) => String(name)) : []

const kindOf = (ast: SchemaAST.AST): string => {
  const expected = annotation(ast.annotations, "expected")
  if (expected !== undefined) return expected
  switch (ast._tag) {
    case "String":
      return "text"
    case "Number":
      return "a number"
    case "Boolean":
      return "true or false"
    case "Arrays":
      return "a list"
    case "Objects":
      return "an object"
    case "Literal":
      return JSON.stringify(ast.literal)
    case "Union":
      return ast.types.every((type) => type._tag === "Literal")
        ? `one of ${ast.types.map((type) => (type._tag === "Literal" ? JSON.stringify(type.literal) : "")).join(", ")}`
        : ast.types.map(kindOf).join(" or ")
    default:
      return "JSON"
  }
}

const annotation = (annotations: unknown, name: string): string | undefined => {
  const found = property(annotations, name)
  return typeof found === "string" ? found : undefined
}

const property = (value: unknown, key: string | number): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as { readonly [key: string | number]: unknown })[key]
    : undefined
