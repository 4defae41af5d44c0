/**
 * Stored agents: declared once, used by any number of crews.
 */
import * as Agent from "@crewline/core/Agent"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import * as ResourceStore from "../ResourceStore.ts"

/** An agent as clients send and receive it: what a crew declares, and a name to find it by. */
export const AgentBody = Schema.Struct({
  name: Schema.String.check(Schema.isPattern(/\S/, { expected: "some text" })),
  ...Agent.Agent.fields
}).annotate({ identifier: "StoredAgent", description: "An agent that crews may refer to" })
export type AgentBody = typeof AgentBody.Type

export class AgentStore extends Context.Service<AgentStore, ResourceStore.ResourceStore<AgentBody>>()(
  "@crewline/server/ResourceStore/Agents"
) {}

export const layer: Layer.Layer<AgentStore, never, SqlClient> = Layer.effect(
  AgentStore,
  Effect.suspend(() =>
    ResourceStore.make<AgentBody>({
      name: "AgentStore",
      table: "crewline_agent",
      prefix: "agent",
      nameOf: (agent) => agent.name
    })
  )
)
