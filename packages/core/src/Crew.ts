/**
 * A crew: agents and a graph of tasks, declared. Plain data plus, for crews written in TypeScript,
 * functions. Nothing here throws: `validate`, `fromJson` and `Plan.make` report all problems of a
 * crew at once.
 */
import * as Result from "effect/Result"
import type * as Builder from "./Crew/Builder.ts"
import type { Crew, Definition } from "./Crew/Definition.ts"
import * as Inspection from "./Crew/Inspection.ts"
import { CrewInvalid } from "./Crew/Problem.ts"

export type { CrewOutput, MakeOptions } from "./Crew/Builder.ts"
export { Definition, Input } from "./Crew/Definition.ts"
export type {
  Code,
  CodeContext,
  ConditionFunction,
  Crew,
  GuardrailFunction,
  TaskCode,
  Verdict
} from "./Crew/Definition.ts"
export { CrewInvalid, describe, Problem, ProblemCode } from "./Crew/Problem.ts"

/**
 * A crew in TypeScript. The type checker refuses names of agents and tasks that do not exist, a
 * task that refers to itself, and functions that expect another output than their task declares.
 * `validate` and starting the crew report all other problems.
 *
 * The output of the crew is inferred: that of the task that nothing depends on, or an object of
 * several such tasks by name. Limits: a name chosen at run time (`context: [long ? "essay" :
 * "note"]`) counts as both; in a sequential crew the type is the union over the tasks that no other
 * names; a task that may be skipped is typed as if it ran.
 */
export const make = <
  const AgentName extends string,
  const Outputs,
  const Contexts,
  const Orders,
  const Conditions,
  const Acceptance,
  const Written,
  const Process extends "parallel" | "sequential" | "hierarchical" = "parallel"
>(
  options: Builder.MakeOptions<AgentName, Process, Outputs, Contexts, Orders, Conditions, Acceptance, Written>
): Crew<Builder.CrewOutput<Process, Outputs, Contexts, Orders, Conditions, Acceptance, Written>> =>
  Inspection.build(options)

/** A crew from its data: agents and tasks by name, or as lists of objects with a `name`. */
export const fromJson = (input: unknown): Result.Result<Crew, CrewInvalid> => {
  const { crew, problems } = Inspection.fromData(input)
  return problems.length === 0 ? Result.succeed(crew) : Result.fail(new CrewInvalid({ problems }))
}

/**
 * The crew's data, which `fromJson` accepts. It does not contain functions, such as guardrails and
 * conditions.
 */
export const toJson = (crew: Crew<unknown>): Definition => crew.definition

/**
 * All problems of a crew that do not depend on its inputs. Free for a crew that was validated
 * before.
 */
export const validate = (crew: Crew<unknown>): Result.Result<void, CrewInvalid> => {
  const { problems } = Inspection.inspect(crew)
  return problems.length === 0 ? Result.void : Result.fail(new CrewInvalid({ problems }))
}
