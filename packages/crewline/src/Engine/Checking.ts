/**
 * Programs without types may pass any options. One that is misspelled would be ignored, and an
 * execution would not be kept that should be: it is refused before anything is opened.
 */
import * as Suggestion from "@crewline/core/Suggestion"
import * as Layer from "effect/Layer"
import type { Account, Models, Options, StartOptions } from "../Client.ts"
import { InvalidOption } from "../Failure.ts"

type Check = readonly [expected: string, isRight: (value: unknown) => boolean]

const isRecord = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const isObject = (value: unknown): boolean => isRecord(value)
const isText = (value: unknown): boolean => typeof value === "string" && value !== ""
const isTextOrAbsent = (value: unknown): boolean => value === undefined || isText(value)
const isListOf =
  (isOne: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(isOne)

const text: Check = ["a text that is not empty", isText]
const amount: Check = ["a number over 0", (value) => typeof value === "number" && value > 0]
const layer: Check = ["a layer", Layer.isLayer]
const object: Check = ["an object", isObject]
/** Checked where it is used. */
const any: Check = ["anything", () => true]

const isEmbedder = (value: unknown): boolean =>
  isRecord(value) && isRecord(value["space"]) && typeof value["embed"] === "function"
const isCrew = (value: unknown): boolean => isRecord(value) && ("~build" in value || "definition" in value)
const isTool = (value: unknown): boolean =>
  isRecord(value) && ("~build" in value || (isText(value["name"]) && typeof value["execute"] === "function"))

const options: Record<keyof Options, Check> = {
  crews: ["a list of crews (Crew.make)", isListOf(isCrew)],
  database: text,
  directory: text,
  embedder: ["the name of an embedder or an embedder", (value) => isText(value) || isEmbedder(value)],
  keepResults: ["true or false", (value) => typeof value === "boolean"],
  leaseMillis: amount,
  llm: layer,
  log: layer,
  maxUnfinished: amount,
  memory: ["true or a layer", (value) => value === true || Layer.isLayer(value)],
  models: ["the name of a model or an object", (value) => isText(value) || isObject(value)],
  queue: layer,
  redis: [
    "a URL, or an object with a url",
    (value) => isText(value) || (isRecord(value) && isText(value["url"]) && isTextOrAbsent(value["prefix"]))
  ],
  sweepMillis: amount,
  tools: ["a list of tools (Tool.make) or a layer", (value) => isListOf(isTool)(value) || Layer.isLayer(value)],
  worker: object,
  workspace: ["a directory or a layer", (value) => isText(value) || Layer.isLayer(value)]
}

/** Those of `run`, besides. */
const startOptions: Record<keyof StartOptions, Check> = {
  crewId: any,
  generated: any,
  idempotencyKey: any,
  prepared: any,
  inputs: any,
  limits: any,
  priority: any,
  sessionId: any,
  signal: any,
  startedBy: any,
  userId: any
}

/** Options that cannot be combined, because one would make the other ineffective. */
const alternatives: ReadonlyArray<readonly [keyof Options, keyof Options]> = [
  ["directory", "database"],
  ["log", "directory"],
  ["log", "database"],
  ["llm", "models"]
]

const account: Check = [
  'an object with an apiKey or a baseURL, for example { apiKey: "…" }',
  (value) => isRecord(value) && isTextOrAbsent(value["apiKey"]) && isTextOrAbsent(value["baseURL"])
]
const isProvider = (value: unknown): boolean =>
  isRecord(value) && isText(value["name"]) && typeof value["model"] === "function"

/** Without the account that was meant, the models of the environment would answer. */
const models: Record<keyof Models, Check> = {
  anthropic: account,
  default: text,
  ollama: account,
  openai: account,
  providers: ["a list of providers (OpenAi.make)", isListOf(isProvider)]
}
const accountKeys: Record<keyof Account, true> = { apiKey: true, baseURL: true }

const checks: ReadonlyMap<string, Check> = new Map(Object.entries({ ...options, ...startOptions }))
const modelChecks: ReadonlyMap<string, Check> = new Map(Object.entries(models))

/** Throws `InvalidOption` for the first option that does not exist or has the wrong type. */
export const check = (given: Options): void => {
  checkNames(given)
  for (const [one, other] of alternatives) {
    if (given[one] !== undefined && given[other] !== undefined)
      throw new InvalidOption(other, `The options "${one}" and "${other}" cannot be combined: omit one of them.`)
  }
  if (given.embedder !== undefined && Layer.isLayer(given.memory))
    throw new InvalidOption("embedder", 'The option "embedder" has no effect on a layer as "memory": omit one of them.')
  if (isRecord(given.models)) checkModels(given.models)
}

/** The same for the options of a start, which can include those of the client. */
export const checkNames = (given: object): void => {
  if (!isObject(given)) {
    throw new InvalidOption(
      "options",
      `The options must be an object, not ${shown(given)}. To use the defaults, omit them.`
    )
  }
  checkAll("", given, checks)
}

const checkModels = (given: { readonly [name: string]: unknown }): void => {
  if ("llm" in given) {
    const isScript = isRecord(given["llm"]) && typeof given["llm"]["resolve"] === "function"
    if (isScript) return
    throw wrong("models.llm", "a script (Scripted.make)", given["llm"])
  }
  checkAll("models.", given, modelChecks)
  for (const name of ["anthropic", "ollama", "openai"]) {
    const misspelled = Object.keys(given[name] ?? {}).find((key) => !Object.hasOwn(accountKeys, key))
    if (misspelled !== undefined) throw unknown(`models.${name}.`, misspelled, Object.keys(accountKeys))
  }
}

const checkAll = (place: string, given: object, known: ReadonlyMap<string, Check>): void => {
  for (const [name, value] of Object.entries(given)) {
    const found = known.get(name)
    if (found === undefined) throw unknown(place, name, [...known.keys()])
    const [expected, isRight] = found
    if (value !== undefined && !isRight(value)) throw wrong(`${place}${name}`, expected, value)
  }
}

const wrong = (option: string, expected: string, value: unknown): InvalidOption =>
  new InvalidOption(option, `The option "${option}" must be ${expected}, not ${shown(value)}.`)

const unknown = (place: string, name: string, known: ReadonlyArray<string>): InvalidOption => {
  const meant = Suggestion.make().closest(name, known)
  const hint = meant === undefined ? `expected one of ${known.join(", ")}` : `did you mean "${meant}"?`
  return new InvalidOption(`${place}${name}`, `There is no option "${place}${name}": ${hint}`)
}

/** Describes a value without quoting text, because a URL may contain a password. */
const shown = (value: unknown): string => {
  if (value === "") return "an empty text"
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list with other values"
  if (typeof value === "object" && value !== null) return "an object"
  return typeof value === "string" || typeof value === "function" ? `a ${typeof value}` : String(value)
}
