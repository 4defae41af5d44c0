/** The request for a generated crew, and the facts that every process needs to validate it. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Agent from "../Agent.ts"
import * as Crew from "../Crew.ts"
import type * as Limits from "../Limits.ts"
import * as Policy from "../Policy.ts"
import type { Tool } from "../Toolbox.ts"
import * as ToolSearch from "../ToolSearch.ts"
import * as Constraints from "./Constraints.ts"

export interface Request {
  readonly goal: string
  /** Inputs of the crew: a declaration, or a default value. */
  readonly inputs?: { readonly [name: string]: Schema.Json } | undefined
  readonly constraints?: Constraints.Constraints | undefined
  /** How often an answer of the model may be sent back in a step. Default: 3. */
  readonly rounds?: number | undefined
  /** The limits of the generation itself. */
  readonly limits?: Limits.Declared | undefined
  /** The model that generates. Default: the application's. */
  readonly model?: string | undefined
}

export const defaultRounds = 3

/**
 * The maximum number of tools offered to the model; if there are more, those that match the goal
 * best.
 */
const maxTools = 40

const ToolFacts = Schema.Struct({
  description: Schema.String,
  kind: Schema.optionalKey(Policy.Kind),
  asks: Schema.optionalKey(Schema.Boolean)
})

/** An input of the crew: as a crew declares it. */
export const Inputs = Schema.Record(Schema.String, Crew.Input)

/** Stored in the plan of the generation, so that every process validates by the same facts. */
export const Facts = Schema.Struct({
  goal: Agent.Text,
  inputs: Inputs,
  constraints: Constraints.Constraints,
  tools: Schema.Record(Schema.String, ToolFacts),
  policies: Schema.optionalKey(Schema.Array(Policy.Policy)),
  /** US dollars per million tokens of the crew's model. */
  rates: Schema.optionalKey(Schema.Struct({ input: Schema.Finite, output: Schema.Finite }))
})
export interface Facts extends Schema.Schema.Type<typeof Facts> {}

export interface Surroundings {
  readonly tools: ReadonlyArray<Tool>
  /** What the tenant refuses. */
  readonly policies?: ReadonlyArray<Policy.Policy> | undefined
  readonly rates?: { readonly input: number; readonly output: number } | undefined
}

/** The facts of a request. Tools that it may not use are omitted. */
export const facts = (
  { constraints = {}, goal, inputs = {} }: Request,
  { policies: ofTenant = [], rates, tools }: Surroundings
): Facts => {
  const policies = [...ofTenant, ...(constraints.tools === undefined ? [] : [{ allow: constraints.tools }])]
  const usable = tools.filter(
    (tool) =>
      !Policy.refusesAll({ tool: tool.name, kind: tool.kind ?? Policy.defaultKind }, policies) &&
      (constraints.asksPeople !== false || !asks(tool))
  )
  const chosen = usable.length <= maxTools ? usable : found(usable, goal)
  return {
    goal,
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, declared(input)])),
    constraints,
    tools: Object.fromEntries(
      chosen.map((tool) => [
        tool.name,
        {
          description: tool.description,
          ...(tool.kind === undefined ? {} : { kind: tool.kind }),
          ...(asks(tool) ? { asks: true } : {})
        }
      ])
    ),
    ...(ofTenant.length === 0 ? {} : { policies: ofTenant }),
    ...(rates === undefined ? {} : { rates: { input: rates.input, output: rates.output } })
  }
}

/** The results of a search for the goal, followed by the first of the other tools. */
const found = (tools: ReadonlyArray<Tool>, goal: string): ReadonlyArray<Tool> =>
  [...new Set([...ToolSearch.find(tools, goal), ...tools])].slice(0, maxTools)

/** In a generated crew, calls of tools that do more than read wait for a person, too. */
const asks = ({ approval, kind = Policy.defaultKind, need }: Tool): boolean =>
  approval !== undefined || need !== undefined || kind !== "read"

const decodeInput = Schema.decodeUnknownOption(Crew.Input, { onExcessProperty: "error" })

/** An object with other keys than those of a declaration is a value. */
const declared = (input: Schema.Json): Crew.Input => Option.getOrElse(decodeInput(input), () => ({ default: input }))
