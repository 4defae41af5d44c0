/**
 * Checks what only a start can supply: inputs and tools. Accepts invalid data, so that these
 * problems are reported together with others.
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { searchTool } from "../Agent.ts"
import type { Checked } from "../Crew/Check.ts"
import type { Entry } from "../Crew/Graph.ts"
import * as Placeholder from "../Crew/Placeholder.ts"
import type { Path } from "../Crew/PlainJson.ts"
import * as Policy from "../Policy.ts"

const isPolicy = Schema.is(Policy.Policy)

export interface References {
  /** By name: the texts that hold the placeholder, each once. */
  readonly placeholders: ReadonlyMap<string, ReadonlyArray<Path>>
  readonly tools: ReadonlyArray<{ readonly name: string; readonly path: Path }>
  /** Inputs that the crew declares, and the default values of those that have one. */
  readonly declared: ReadonlySet<string>
  readonly defaults: ReadonlyMap<string, Schema.Json>
}

export const make = ({ agents, definition, tasks }: Checked): References => {
  const placeholders = new Map<string, Array<Path>>()
  const tools: Array<{ name: string; path: Path }> = []
  const text = (value: unknown, path: Path) => {
    if (typeof value !== "string") return
    for (const name of new Set(Placeholder.names(Placeholder.parse(value)))) {
      const places = placeholders.get(name)
      if (places === undefined) placeholders.set(name, [path])
      else places.push(path)
    }
  }
  const visit = ({ declaration, path }: Entry, keys: ReadonlyArray<string>) => {
    if (!Predicate.isReadonlyObject(declaration)) return
    for (const key of keys) text(declaration[key], [...path, key])
    if (Array.isArray(declaration["guardrails"]))
      declaration["guardrails"].forEach((sentence, index) => text(sentence, [...path, "guardrails", index]))
    if (Array.isArray(declaration["attachments"]))
      declaration["attachments"].forEach((attachment: unknown, index) => {
        if (!Predicate.isReadonlyObject(attachment)) return
        for (const key of ["file", "url"]) text(attachment[key], [...path, "attachments", index, key])
      })
    const { tools: own } = declaration
    const finds = Array.isArray(own) && own.includes(searchTool)
    // Those of a task that finds no others are among its tools.
    for (const key of path[0] === "agents" || finds ? ["tools", "approvals"] : ["tools"]) {
      const names = declaration[key]
      if (!Array.isArray(names)) continue
      names.forEach((name: unknown, index) => {
        if (typeof name === "string" && name !== "") tools.push({ name, path: [...path, key, index] })
      })
    }
  }
  // A rule about a tool that does not exist would have no effect.
  const policy = (declaration: unknown, path: Path) => {
    const rules = Predicate.isReadonlyObject(declaration) ? declaration["policy"] : undefined
    if (isPolicy(rules))
      for (const { path: at, tool } of Policy.named(rules)) tools.push({ name: tool, path: [...path, "policy", ...at] })
  }
  policy(definition, [])
  for (const { declaration, path } of [...agents, ...tasks]) policy(declaration, path)
  for (const agent of agents) visit(agent, ["role", "goal", "backstory"])
  for (const task of tasks) visit(task, ["description", "expectedOutput", "outputFile"])
  if (Array.isArray(definition.acceptance))
    definition.acceptance.forEach((criterion: unknown, index) => text(criterion, ["acceptance", index]))
  const { synthesis } = definition
  if (Predicate.isReadonlyObject(synthesis))
    for (const key of ["description", "expectedOutput"] as const) text(synthesis[key], ["synthesis", key])
  const prompts = Predicate.isReadonlyObject(definition.manager) ? definition.manager["prompts"] : undefined
  if (Predicate.isReadonlyObject(prompts))
    for (const [power, words] of Object.entries(prompts)) text(words, ["manager", "prompts", power])
  const inputs = Predicate.isReadonlyObject(definition.inputs) ? Object.entries(definition.inputs) : []
  return {
    placeholders,
    tools,
    declared: new Set(inputs.map(([name]) => name)),
    defaults: new Map(
      inputs.flatMap(([name, input]): ReadonlyArray<[string, Schema.Json]> =>
        Predicate.isReadonlyObject(input) && input["default"] !== undefined
          ? [[name, input["default"] as Schema.Json]]
          : []
      )
    )
  }
}
