/** `/api/v1/crews`: stored crews. */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as CrewStore from "../ResourceStore/Crews.ts"
import * as Page from "./Page.ts"
import * as Problem from "./Problem.ts"
import * as Resource from "./Resource.ts"

/** A crew as it is answered. */
export const Crew = Schema.Struct({ ...Resource.fields, ...CrewStore.CrewBody.fields }).annotate({
  identifier: "StoredCrew",
  description: "A stored crew"
})
export type Crew = typeof Crew.Type

const yaml = Schema.String.pipe(HttpApiSchema.asText({ contentType: "application/yaml" }))

export class Crews extends HttpApiGroup.make("crews")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: { ...Page.query, name: Schema.optionalKey(Schema.String) },
      success: Page.Page(Crew)
    }).annotateMerge(OpenApi.annotations({ summary: "List crews, newest first" })),
    HttpApiEndpoint.post("create", "/", {
      payload: [CrewStore.CrewBody, yaml],
      success: Resource.Created(Crew),
      error: [...Resource.createProblems, Problem.CrewInvalid]
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Store a crew",
        description: "Validates the crew as a whole and names everything that is wrong with it at once. JSON, or YAML."
      })
    ),
    HttpApiEndpoint.get("get", "/:id", {
      params: Resource.params,
      success: Resource.Found(Crew),
      error: Problem.NotFound
    }).annotateMerge(OpenApi.annotations({ summary: "Get a crew" })),
    HttpApiEndpoint.put("replace", "/:id", {
      params: Resource.params,
      headers: Resource.ifMatch,
      payload: [Schema.Struct({ ...Resource.echoed, ...CrewStore.CrewBody.fields }), yaml],
      success: Resource.Found(Crew),
      error: [...Resource.replaceProblems, Problem.CrewInvalid]
    }).annotateMerge(OpenApi.annotations({ summary: "Replace a crew" })),
    HttpApiEndpoint.delete("remove", "/:id", {
      params: Resource.params,
      headers: Resource.ifMatch,
      success: HttpApiSchema.NoContent,
      error: Resource.removeProblems
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Remove a crew",
        description: "Its executions stay, and go on: an execution holds its own copy of the crew."
      })
    )
  )
  .prefix("/api/v1/crews")
  .annotateMerge(OpenApi.annotations({ title: "Crews", description: "Stored crews" })) {}
