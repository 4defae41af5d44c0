/**
 * Decides which tool calls are made, refused, or subject to approval by a person. A pure function
 * of the call and the declared policies. The strictest decision wins: deny before ask before allow,
 * regardless of the order of rules. Adding a deny rule never allows a call that was not allowed
 * before.
 *
 * If no rule matches, calls of tools that the author of the crew has listed are allowed. In
 * generated crews, and for tools that only a model has listed, calls that do more than read require
 * approval. So do calls that could send private data out of a task that has read untrusted text,
 * and calls of a tool whose definition has changed since the execution started.
 */
import * as Schema from "effect/Schema"
import * as JsonSchemaValidator from "./JsonSchemaValidator.ts"
import * as Kinds from "./Policy/Kinds.ts"

export { defaultKind, Kind } from "./Policy/Kinds.ts"

/** Tools by name; `*` matches any characters. */
export const ToolPattern = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9_*-]{1,64}$/, {
    expected: 'the name of a tool, or a pattern such as "file_*"'
  })
)

/** The calls that a rule matches: all given fields must match. */
export const Rule = Schema.Union([
  ToolPattern,
  Schema.Struct({
    /** Default: all tools. */
    tool: Schema.optionalKey(ToolPattern),
    /** Default: tools of all kinds. */
    kind: Schema.optionalKey(Kinds.Kind),
    /** A JSON Schema (draft 2020-12) that the arguments must match. Default: any arguments. */
    arguments: Schema.optionalKey(Schema.JsonObject.annotate({ expected: "a JSON Schema object" })),
    /** The explanation of the decision. */
    reason: Schema.optionalKey(Schema.String)
  })
]).annotate({
  description: "A tool, or calls by tool, kind and arguments",
  expected: 'the name of a tool, a pattern such as "file_*", or an object with tool, kind and arguments'
})
export type Rule = typeof Rule.Type

/**
 * Which calls are refused (`deny`), which need a person's approval (`ask`), and which are made
 * (`allow`). With `allow`, calls that match no rule of the policy are refused.
 */
export const Policy = Schema.Struct({
  deny: Schema.optionalKey(Schema.Array(Rule)),
  ask: Schema.optionalKey(Schema.Array(Rule)),
  allow: Schema.optionalKey(Schema.Array(Rule))
}).annotate({ identifier: "ToolPolicy", description: "Which tools may be called" })

export interface Policy extends Schema.Schema.Type<typeof Policy> {}

/** The effects of rules, the strictest first. */
export const effects = ["deny", "ask", "allow"] as const

/** The owner of the policy. `name`: of the agent or the task. */
export interface Scope {
  readonly scope: "tenant" | "crew" | "agent" | "task"
  readonly name?: string
}

export interface Scoped extends Policy, Scope {}

export interface Call {
  readonly tool: string
  readonly kind: Kinds.Kind
  readonly arguments: Schema.Json
}

/** The data that a task has read, and whether the call could send data out. */
export interface Exposure {
  /** Tools whose results may be private. */
  readonly privateData: ReadonlyArray<string>
  /** Tools, or other sources, whose text may contain a prompt injection. */
  readonly untrustedText: ReadonlyArray<string>
  /** The call could send data out. */
  readonly leadsOut: boolean
}

/** The inputs of a decision in addition to rules. */
export interface Circumstances {
  /** The author of the crew has listed the tool for the agent or the task. */
  readonly isListed: boolean
  /** The crew was generated: no person has reviewed its list of tools. */
  readonly isGenerated: boolean
  /** The tool is not the one that the execution was started with. */
  readonly isChanged?: boolean
  readonly exposure: Exposure
}

/** The decision about a call, and its reason as a sentence. */
export const Decision = Schema.Struct({
  verdict: Schema.Literals(effects),
  /**
   * The basis of the decision: a `rule`; no matching rule (`no-rule`); the `author` of the crew,
   * who lists the tool; the kind of a tool that no author has listed (`unlisted`) or of a
   * `generated` crew; the data that the task has read (`exposure`); or a definition of the tool
   * that has changed since the execution started (`definition`).
   */
  by: Schema.Literals(["rule", "no-rule", "author", "unlisted", "generated", "exposure", "definition"]),
  reason: Schema.String
})
export interface Decision extends Schema.Schema.Type<typeof Decision> {}

/** Shared and frozen, because it applies to most calls. */
export const listed: Decision = Object.freeze({ verdict: "allow", by: "author", reason: "The crew lists the tool." })

/** Decides about a call. */
export const decide = (call: Call, policies: ReadonlyArray<Scoped>, circumstances: Circumstances): Decision => {
  let decision = byCircumstances(call, circumstances)
  for (const policy of policies) {
    const own = byRules(call, policy)
    if (own !== undefined && isStricter(own, decision)) decision = own
  }
  return decision
}

/** Whether policies refuse every call of a tool, regardless of its arguments. */
export const refusesAll = (call: Omit<Call, "arguments">, policies: ReadonlyArray<Policy>): boolean =>
  policies.some((policy) => {
    const about = (effect: Decision["verdict"]) => (policy[effect] ?? []).filter((rule) => isAbout(rule, call))
    if (about("deny").some((rule) => typeof rule === "string" || rule.arguments === undefined)) return true
    return policy.allow !== undefined && effects.every((effect) => about(effect).length === 0)
  })

/** Whether the call matches an `allow` rule of the policies. */
export const isAllowed = (call: Call, policies: ReadonlyArray<Policy>): boolean =>
  policies.some(({ allow = [] }) => allow.some((rule) => matches(rule, call, "allow")))

/**
 * Whether the first decision is stricter. Of equal decisions, one by a rule is preferred, because
 * its reason names the policy.
 */
const isStricter = (one: Decision, other: Decision): boolean => {
  const difference = effects.indexOf(one.verdict) - effects.indexOf(other.verdict)
  return difference < 0 || (difference === 0 && other.by === "author")
}

const byRules = (call: Call, policy: Scoped): Decision | undefined => {
  for (const verdict of effects) {
    const rule = (policy[verdict] ?? []).find((each) => matches(each, call, verdict))
    if (rule === undefined) continue
    const told = typeof rule === "string" || rule.reason === undefined ? "" : ` ${rule.reason}`
    return { verdict, by: "rule", reason: `A rule of ${placeOf(policy)} ${words[verdict]} ${nameOf(rule)}.${told}` }
  }
  if (policy.allow === undefined) return undefined
  return { verdict: "deny", by: "no-rule", reason: `No rule of ${placeOf(policy)} allows this call.` }
}

const words = { deny: "denies", ask: "asks about", allow: "allows" } as const

const placeOf = ({ name, scope }: Scope): string =>
  name === undefined ? `the policy of the ${scope}` : `the policy of the ${scope} ${JSON.stringify(name)}`

const nameOf = (rule: Rule): string => {
  if (typeof rule === "string") return rule
  const { arguments: args, kind, tool } = rule
  const what = tool ?? (kind === undefined ? "all tools" : `tools of kind ${kind}`)
  return args === undefined ? what : `${what} with these arguments`
}

/** Whether a rule matches such calls, regardless of their arguments. */
const isAbout = (rule: Rule, { kind, tool }: Omit<Call, "arguments">): boolean =>
  typeof rule === "string"
    ? isNamed(rule, tool)
    : (rule.tool === undefined || isNamed(rule.tool, tool)) && (rule.kind === undefined || rule.kind === kind)

const matches = (rule: Rule, call: Call, verdict: Decision["verdict"]): boolean => {
  if (!isAbout(rule, call)) return false
  if (typeof rule === "string" || rule.arguments === undefined) return true
  const violations = JsonSchemaValidator.make(rule.arguments).validate(call.arguments)
  // If the match is undecided, deny and ask rules apply, and allow rules do not.
  if (violations.some(JsonSchemaValidator.isUndecided)) return verdict !== "allow"
  return violations.length === 0
}

/** Whether a pattern matches a tool. `*` matches any characters; others match themselves. */
export const isNamed = (pattern: string, tool: string): boolean => {
  if (!pattern.includes("*")) return pattern === tool
  const [first = "", ...rest] = pattern.split("*")
  if (!tool.startsWith(first)) return false
  let at = first.length
  const last = rest.pop() ?? ""
  for (const part of rest) {
    const found = tool.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return tool.length - at >= last.length && tool.endsWith(last)
}

const byCircumstances = (
  { kind }: Call,
  { exposure, isChanged = false, isGenerated, isListed }: Circumstances
): Decision => {
  if (isChanged) {
    const reason = "The definition of the tool has changed since the execution started."
    return { verdict: "ask", by: "definition", reason }
  }
  const { leadsOut, privateData, untrustedText } = exposure
  if (leadsOut && privateData.length > 0 && untrustedText.length > 0) {
    const reason = `The task has read data that may be private (${few(privateData)}) and text that cannot be trusted (${few(untrustedText)}), and this call could send data out.`
    return { verdict: "ask", by: "exposure", reason }
  }
  if (kind === "read" || (isListed && !isGenerated))
    return isListed ? listed : { verdict: "allow", by: "unlisted", reason: "The tool only reads." }
  return isListed
    ? { verdict: "ask", by: "generated", reason: `The crew was generated, and the tool ${Kinds.does[kind]}.` }
    : { verdict: "ask", by: "unlisted", reason: `The crew does not list the tool, and it ${Kinds.does[kind]}.` }
}

const few = (names: ReadonlyArray<string>): string =>
  names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ")

/** The problems of the rules of a policy, with their paths in the policy. */
export const problems = (
  policy: Policy
): ReadonlyArray<{ readonly path: ReadonlyArray<string | number>; readonly message: string }> =>
  effects.flatMap((effect) =>
    (policy[effect] ?? []).flatMap((rule, index) => {
      if (typeof rule === "string") return []
      if (rule.arguments === undefined) return []
      return JsonSchemaValidator.check(rule.arguments).map(({ message, path }) => ({
        path: [effect, index, "arguments"],
        message: `is not a valid JSON Schema: ${path === "" ? "it" : path} ${message}`
      }))
    })
  )

/** The tools that rules name without a pattern: each should exist, or the rule has no effect. */
export const named = (
  policy: Policy
): ReadonlyArray<{ readonly tool: string; readonly path: ReadonlyArray<string | number> }> =>
  effects.flatMap((effect) =>
    (policy[effect] ?? []).flatMap((rule, index) => {
      const tool = typeof rule === "string" ? rule : rule.tool
      if (tool === undefined || tool.includes("*")) return []
      return [{ tool, path: typeof rule === "string" ? [effect, index] : [effect, index, "tool"] }]
    })
  )
