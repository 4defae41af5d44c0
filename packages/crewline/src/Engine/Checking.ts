/**
 * Programs without types may pass any options. One that is misspelled would be ignored, and an
 * execution would not be kept that should be: it is refused before anything is opened.
 */
import * as Suggestion from "@crewline/core/Suggestion"
import * as Layer from "effect/Layer"
import type { Models, Options, StartOptions } from "../Client.ts"

type Check = readonly [expected: string, isRight: (value: unknown) => boolean]

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value)
const isText = (value: unknown): boolean => typeof value === "string" && value !== ""

const text: Check = ["a text that is not empty", isText]
const amount: Check = ["a number over 0", (value) => typeof value === "number" && value > 0]
const layer: Check = ["a layer", Layer.isLayer]
const object: Check = ["an object", isObject]
/** Checked where it is used. */
const any: Check = ["anything", () => true]

const options: Record<keyof Options, Check> = {
  crews: ["a list of crews", Array.isArray],
  database: text,
  directory: text,
  keepResults: ["true or false", (value) => typeof value === "boolean"],
  leaseMillis: amount,
  llm: layer,
  log: layer,
  maxUnfinished: amount,
  memory: layer,
  models: ["the name of a model or an object", (value) => isText(value) || isObject(value)],
  queue: layer,
  redis: ["a URL, or an object with a url", (value) => isText(value) || isObject(value)],
  sweepMillis: amount,
  tools: ["a list of tools or a layer", (value) => Array.isArray(value) || Layer.isLayer(value)],
  worker: object,
  workspace: ["a directory or a layer", (value) => isText(value) || Layer.isLayer(value)]
}

/** Those of `run`, besides. */
const startOptions: Record<keyof StartOptions, Check> = {
  crewId: any,
  idempotencyKey: any,
  inputs: any,
  limits: any,
  priority: any,
  sessionId: any,
  signal: any,
  startedBy: any,
  userId: any
}

/** Without the account that was meant, the models of the environment would answer. */
const accounts: Record<keyof Models, true> = {
  anthropic: true,
  default: true,
  ollama: true,
  openai: true,
  providers: true
}

const checks: ReadonlyMap<string, Check> = new Map(Object.entries({ ...options, ...startOptions }))

/** Throws a `TypeError` for the first option that does not exist or has the wrong type. */
export const check = (given: Options): void => {
  if (!isObject(given)) throw new TypeError(`The options must be an object, not ${shown(given)}.`)
  for (const [name, value] of Object.entries(given)) {
    const known = checks.get(name)
    if (known === undefined) throw unknown("", name, [...checks.keys()])
    const [expected, isRight] = known
    // Texts are not repeated: a URL may hold a password.
    if (value !== undefined && !isRight(value)) {
      throw new TypeError(`The option "${name}" must be ${expected}, not ${shown(value)}.`)
    }
  }
  const { models } = given
  if (typeof models !== "object" || "llm" in models) return
  const wrong = Object.keys(models).find((name) => !Object.hasOwn(accounts, name))
  if (wrong !== undefined) throw unknown("models.", wrong, Object.keys(accounts))
}

const unknown = (place: string, name: string, known: ReadonlyArray<string>): TypeError => {
  const meant = Suggestion.make().closest(name, known)
  const hint = meant === undefined ? `there are ${known.join(", ")}` : `did you mean "${meant}"?`
  return new TypeError(`There is no option "${place}${name}": ${hint}`)
}

const shown = (value: unknown): string => {
  if (value === "") return "an empty text"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "object" && value !== null) return "an object"
  return typeof value === "string" || typeof value === "function" ? `a ${typeof value}` : String(value)
}
