/**
 * `crewline validate`: reports all problems of a crew file, without running it and without a
 * database.
 */
import type * as Crew from "@crewline/core/Crew"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as CrewSource from "./CrewSource.ts"
import * as Failure from "./Failure.ts"
import type { Inputs } from "./Inputs.ts"
import * as Output from "./Output.ts"
import * as Tools from "./Tools.ts"

export interface Options {
  readonly file: string
  readonly inputs: Inputs
  readonly json: boolean
}

export const validate = Effect.fn("Validate.validate")(function* ({ file, inputs, json }: Options) {
  const output = yield* Output.Output
  const source = yield* CrewSource.read({
    file,
    tools: yield* Tools.names,
    // Without any input only the crew is validated: inputs are given when it runs.
    ...(Object.keys(inputs).length === 0 ? {} : { inputs })
  })
  const problems = Result.isFailure(source) ? source.failure : []
  if (json) {
    yield* output.result(JSON.stringify({ file, valid: problems.length === 0, problems }))
  } else {
    for (const problem of problems) yield* output.result(CrewSource.describe(file, problem))
    if (Result.isSuccess(source)) yield* output.result(`${file} is valid: ${summary(source.success.crew.definition)}.`)
  }
  if (problems.length > 0) return yield* Failure.invalid(json ? "" : CrewSource.count(problems.length))
})

const summary = ({ agents, tasks }: Crew.Definition): string =>
  [count(Object.keys(agents).length, "agent"), count(Object.keys(tasks).length, "task")].join(", ")

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`
