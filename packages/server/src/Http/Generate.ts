/** Generates a crew from a goal, and starts it where that is asked for. */
import * as CoreCrew from "@crewline/core/Crew"
import * as Crewline from "@crewline/core/Crewline"
import type * as EventLog from "@crewline/core/EventLog"
import * as Llm from "@crewline/core/Llm"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Generation from "../Api/Generation.ts"
import type * as Problem from "../Api/Problem.ts"
import * as CrewGeneration from "../CrewGeneration.ts"
import * as Principal from "../Principal.ts"
import * as Authenticate from "./Authenticate.ts"
import * as CrewBody from "./CrewBody.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

const readBody = RequestBody.decode(Generation.Body)

type Failure = Problem.Problem<"crew-invalid" | "too-many-executions" | "unavailable">

const failing = (error: CoreCrew.CrewInvalid | EventLog.EventLogError): Effect.Effect<never, Failure> => {
  if (error._tag === "CrewInvalid") return Effect.fail(CrewBody.invalid(error))
  const { reason } = error
  if (reason._tag === "TooManyUnfinished") return Effect.fail(StoreProblems.tooManyExecutions(reason))
  return reason._tag === "Unavailable" ? StoreProblems.unavailable(reason) : Effect.die(error)
}

export const make = Effect.gen(function* () {
  const crewline = yield* Crewline.Crewline
  const context = yield* Effect.context<Crewline.Crewline | Toolbox.Toolbox | Llm.Llm>()

  return Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
    const { onBehalfOf, optimize = true, run = false, ...given } = yield* readBody(request)
    const requester = Principal.requester(yield* Authenticate.actingFor(onBehalfOf), onBehalfOf)
    const { crew, inputs, withoutDefault } = yield* CrewGeneration.prepare(given).pipe(
      Effect.provideContext(context),
      // The tools or the policy of the tenant cannot be read now.
      Effect.catch(() => StoreProblems.unavailable({ isRetryable: true }))
    )
    if (run && withoutDefault.length > 0) {
      return yield* RequestBody.invalid(
        withoutDefault.map((name) => ({
          path: ["inputs", name, "default"],
          code: "missing-key",
          message: `inputs.${name}.default is missing: with run, every input needs a value.`
        }))
      )
    }
    const generation = yield* crewline.start(crew, { inputs, ...requester }).pipe(Effect.catch(failing))
    // How it ended is in its log.
    yield* Effect.catch(generation.result, (error) => (error._tag === "ExecutionFailed" ? Effect.void : failing(error)))
    const generated = yield* CrewGeneration.read(generation.id, { optimises: optimize }).pipe(
      Effect.provideContext(context),
      Effect.catch(failing)
    )
    const answer = { generationId: generation.id, ...generated }
    if (!run || generated.problems.length > 0) return answer
    const execution = yield* Effect.fromResult(CoreCrew.fromJson(generated.crew)).pipe(
      Effect.flatMap((valid) => crewline.start(valid, { generated: true, ...requester })),
      Effect.catch(failing)
    )
    return { ...answer, executionId: execution.id }
  })
})
