/** `/api/v1/crews`: stored crews. */
import * as Agent from "@crewline/core/Agent"
import * as CoreCrew from "@crewline/core/Crew"
import * as Name from "@crewline/core/Name"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Generation from "./Generation.ts"
import * as Problem from "./Problem.ts"
import * as Resource from "./Resource.ts"

/** A stored agent in the place of a declared one. */
export const AgentReference = Schema.Struct({ agentId: Name.Key }).annotate({
  identifier: "AgentReference",
  description: "A stored agent"
})

/** A crew as clients send and receive it. */
export const CrewBody = Schema.Struct({
  ...CoreCrew.Definition.fields,
  agents: Schema.Record(Schema.String, Schema.Union([Agent.Agent, AgentReference]))
}).annotate({ identifier: "CrewBody", description: "A crew of agents and its tasks" })
export type CrewBody = typeof CrewBody.Type

/** A crew as the API returns it. */
export const Crew = Schema.Struct({ ...Resource.fields, ...CrewBody.fields }).annotate({
  identifier: "StoredCrew",
  description: "A stored crew"
})

const summaryFields = {
  name: Schema.String,
  /** At most 300 characters of it. */
  description: Schema.optionalKey(Schema.String),
  agentCount: Schema.Int,
  taskCount: Schema.Int
}
const CrewSummary = Schema.Struct(summaryFields)
/** A crew in lists. */
export type CrewSummary = typeof CrewSummary.Type

const ListedCrew = Schema.Struct({ ...Resource.fields, ...summaryFields }).annotate({
  identifier: "CrewSummary",
  description: "A stored crew in lists"
})

const yaml = Schema.String.pipe(HttpApiSchema.asText({ contentType: "application/yaml" }))

export class Crews extends HttpApiGroup.make("crews")
  .add(
    ...Resource.endpoints(Crew, ListedCrew, {
      list: { summary: "List crews, newest first", description: "Summaries, without agents and tasks." },
      get: { summary: "Get a crew", description: "As it was stored, with its version as `ETag`." },
      remove: {
        summary: "Remove a crew",
        description: "Its executions are kept and continue: each has its own copy of the crew."
      }
    }),
    HttpApiEndpoint.post("create", "/", {
      payload: [CrewBody, yaml],
      success: Resource.Created(Crew),
      error: Problem.schemas(...Problem.ofBody, "crew-invalid")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Store a crew",
        description: "Validates the whole crew and reports all problems at once. Accepts JSON or YAML."
      })
    ),
    HttpApiEndpoint.put("replace", "/:id", {
      params: Resource.params,
      headers: Resource.ifMatch,
      payload: [Schema.Struct({ ...Resource.echoed, ...CrewBody.fields }), yaml],
      success: Resource.Found(Crew),
      error: Problem.schemas(...Resource.replaceProblems, "crew-invalid")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Replace a crew",
        description: "As a whole. Executions that have started keep the crew they began with."
      })
    ),
    HttpApiEndpoint.post("generate", "/generate", {
      payload: Generation.Body,
      success: Generation.Answer,
      error: Problem.schemas(...Problem.ofBody, "crew-invalid", "too-many-executions", "forbidden", "unavailable")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Generate a crew from a goal",
        description:
          "Answers when the generation has ended; until then it is an execution like any other, named crewline-generator. " +
          "The crew is not stored. One that is not valid is returned as a draft with its problems, and never started."
      })
    )
  )
  .prefix("/api/v1/crews")
  .annotateMerge(OpenApi.annotations({ title: "Crews", description: "Stored crews" })) {}
