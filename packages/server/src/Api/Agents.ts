/** `/api/v1/agents`: stored agents, for crews to refer to as `{ "agentId": … }`. */
import * as CoreAgent from "@crewline/core/Agent"
import * as Name from "@crewline/core/Name"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Problem from "./Problem.ts"
import * as Resource from "./Resource.ts"

/** An agent as clients send it: what a crew declares, and a name to find it by. */
export const AgentBody = Schema.Struct({
  name: Name.Name,
  ...CoreAgent.Agent.fields
}).annotate({ identifier: "StoredAgent", description: "An agent that crews can refer to" })
export type AgentBody = typeof AgentBody.Type

/** An agent as the API returns it. */
export const Agent = Schema.Struct({ ...Resource.fields, ...AgentBody.fields }).annotate({
  identifier: "AgentResource",
  description: "A stored agent"
})

const summaryFields = {
  name: Schema.String,
  /** At most 300 characters of it. */
  role: Schema.String
}
const AgentSummary = Schema.Struct(summaryFields)
/** An agent in lists. */
export type AgentSummary = typeof AgentSummary.Type

const ListedAgent = Schema.Struct({ ...Resource.fields, ...summaryFields }).annotate({
  identifier: "AgentSummary",
  description: "A stored agent in lists"
})

/** The body of a replacement. */
export const Replacement = Schema.Struct({ ...Resource.echoed, ...AgentBody.fields })

export class Agents extends HttpApiGroup.make("agents")
  .add(
    ...Resource.endpoints(Agent, ListedAgent, {
      list: { summary: "List agents, newest first", description: "Summaries: name and role." },
      get: { summary: "Get an agent", description: "As it was stored, with its version as `ETag`." },
      remove: {
        summary: "Delete an agent",
        description: "Crews that refer to it can no longer be started until they are replaced."
      }
    }),
    HttpApiEndpoint.post("create", "/", {
      payload: AgentBody,
      success: Resource.Created(Agent),
      error: Problem.schemas(...Problem.ofBody)
    }).annotateMerge(
      OpenApi.annotations({ summary: "Store an agent", description: "From then on, any crew may refer to it." })
    ),
    HttpApiEndpoint.put("replace", "/:id", {
      params: Resource.params,
      headers: Resource.ifMatch,
      payload: Replacement,
      success: Resource.Found(Agent),
      error: Problem.schemas(...Resource.replaceProblems)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Replace an agent",
        description: "New executions use the new agent; running executions keep the one they started with."
      })
    )
  )
  .prefix("/api/v1/agents")
  .annotateMerge(OpenApi.annotations({ title: "Agents", description: "Stored agents for crews" })) {}
