/**
 * Generations of crews for the command and the API: what is known here (tools, the tenant's policy,
 * prices) goes into the plan of the generation, and its log is read at the end.
 */
import type * as Crew from "@crewline/core/Crew"
import * as Crewline from "@crewline/core/Crewline"
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Generator from "@crewline/core/Generator"
import * as Llm from "@crewline/core/Llm"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Prices from "@crewline/llm/Prices"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/** The crew that generates, ready to be started with these inputs. */
export interface Prepared {
  readonly crew: Crew.Crew<unknown>
  readonly inputs: { readonly [name: string]: Schema.Json }
  /** Inputs of the generated crew that have no value unless a start gives one. */
  readonly withoutDefault: ReadonlyArray<string>
}

export const prepare = Effect.fn("CrewGeneration.prepare")(function* (
  request: Generator.Request
): Effect.fn.Return<Prepared, Toolbox.ToolsUnavailable | Toolbox.PolicyUnavailable, Toolbox.Toolbox | Llm.Llm> {
  const toolbox = yield* Toolbox.Toolbox
  const llm = yield* Llm.Llm
  const policies = yield* Toolbox.policies(toolbox)
  // A reference that leads nowhere is reported by the task that needs it.
  const model = yield* Effect.option(llm.resolve(request.constraints?.models?.[0] ?? request.model))
  const rates = Option.isSome(model) ? Prices.find(model.value.reference) : undefined
  const { facts, ...made } = Generator.make(request, { tools: yield* toolbox.list, policies, rates })
  const inputs = Object.entries(facts.inputs)
  return { ...made, withoutDefault: inputs.flatMap(([name, input]) => (input.default === undefined ? [name] : [])) }
})

/** What an ended generation came to. */
export const read = Effect.fn("CrewGeneration.read")(function* (
  executionId: string,
  options: Parameters<typeof Generator.fromEvents>[1]
) {
  const crewline = yield* Crewline.Crewline
  const events = yield* Stream.runCollect(Stream.filter(crewline.follow(executionId), ExecutionEvent.isStored))
  return Generator.fromEvents(events, options)
})
