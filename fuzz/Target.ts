/**
 * The targets, including functions that receive untrusted text and data. None may throw, take long,
 * or retain its input.
 */
import * as Crew from "@crewline/core/Crew"
import * as CrewFile from "@crewline/core/CrewFile"
import * as JsonSchemaValidator from "@crewline/core/JsonSchemaValidator"
import * as Pattern from "@crewline/core/Pattern"
import * as Plan from "@crewline/core/Plan"
import * as Result from "effect/Result"
import type { Random } from "../packages/core/test/simulation/Random.ts"

export interface Target {
  readonly name: string
  /**
   * Creates an input, to be shown on failure, and a function that passes it to the target. A
   * promise is awaited.
   */
  readonly run: (chance: Random) => { readonly input: unknown; readonly work: () => unknown }
}

const words = [
  "name",
  "agents",
  "tasks",
  "a",
  "role",
  "goal",
  "description",
  "expectedOutput",
  "context",
  "output",
  "x",
  "<<",
  "__proto__"
]
const tokens = [
  ...words,
  ..."{}[],:\"'&*!|>-?#% \n\t\\0.",
  "\n  ",
  "&a ",
  "*a",
  "---\n",
  "\u0000",
  "\ud800",
  "😀",
  "1e999",
  "null",
  "{topic}"
]
const keywords = [
  "type",
  "properties",
  "items",
  "anyOf",
  "allOf",
  "oneOf",
  "not",
  "if",
  "then",
  "$ref",
  "$defs",
  "enum",
  "const",
  "pattern",
  "patternProperties",
  "required",
  "uniqueItems",
  "contains",
  "format",
  "minLength",
  "unevaluatedProperties",
  "additionalProperties",
  "prefixItems",
  "multipleOf"
]
const patternParts = [
  ..."ab.^$|()[]{}?*+\\-,1=!<:",
  "(?:",
  "(?=",
  "(?!",
  "(?<=",
  "(?<!",
  "(?<n>",
  "\\d",
  "\\w",
  "\\b",
  "\\1",
  "{2,}",
  "{0,999}",
  "[^",
  "\\p{L}"
]

const text = (chance: Random, parts: ReadonlyArray<string>, most: number): string =>
  Array.from({ length: chance.below(most) }, () => chance.pick(parts)).join("")

const json = (chance: Random, keys: ReadonlyArray<string>, depth = 0): unknown => {
  const kind = chance.below(depth > 5 ? 4 : 8)
  if (kind === 0)
    return chance.pick([
      "string",
      "integer",
      "object",
      "array",
      "#",
      "#/$defs/a",
      "email",
      "^(a+)+$",
      "",
      "x".repeat(chance.below(500))
    ])
  if (kind === 1) return chance.pick([0, 1, -1, 0.1, 1e308, Number.NaN])
  if (kind === 2) return chance.pick([true, false, null, undefined])
  if (kind === 3) return text(chance, tokens, 8)
  const size = chance.below(5)
  if (kind === 4) return Array.from({ length: size }, () => json(chance, keys, depth + 1))
  return Object.fromEntries(Array.from({ length: size }, () => [chance.pick(keys), json(chance, keys, depth + 1)]))
}

const crew = {
  name: "fuzz",
  agents: { a: { role: "Writer", goal: "Write" } },
  tasks: { t: { description: "Write about {topic}.", expectedOutput: "Text." } }
}

export const all: ReadonlyArray<Target> = [
  {
    name: "crew text",
    run: (chance) => {
      const valid = JSON.stringify(crew, null, chance.below(3))
      const at = chance.below(valid.length)
      const input =
        chance.below(2) === 0
          ? text(chance, tokens, 200)
          : valid.slice(0, at) + text(chance, tokens, 20) + valid.slice(at + chance.below(9))
      return { input, work: () => CrewFile.parse(input, { plan: { tools: [] } }) }
    }
  },
  {
    name: "crew data",
    run: (chance) => {
      const input = {
        ...crew,
        tasks: { t: { ...crew.tasks.t, [chance.pick(words)]: json(chance, words) } },
        [chance.pick(words)]: json(chance, words)
      }
      const inputs = { topic: json(chance, words) as string }
      return { input, work: () => Result.flatMap(Crew.fromJson(input), (made) => Plan.make(made, { inputs })) }
    }
  },
  {
    name: "schema",
    run: (chance) => {
      const input = { schema: { [chance.pick(keywords)]: json(chance, keywords) }, value: json(chance, keywords) }
      return {
        input,
        work: () => [
          JsonSchemaValidator.check(input.schema),
          JsonSchemaValidator.make(input.schema).validate(input.value)
        ]
      }
    }
  },
  {
    name: "pattern",
    run: (chance) => {
      const input = {
        pattern: text(chance, patternParts, 14),
        text: text(chance, ["a", "b", "1", "-", "😀", "a".repeat(1_000)], 30)
      }
      return { input, work: () => Result.flatMap(Pattern.make(input.pattern), (pattern) => pattern.test(input.text)) }
    }
  }
]
