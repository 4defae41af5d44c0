/**
 * Stored agents: declared once, used by any number of crews.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { AgentBody, AgentSummary } from "../Api/Agents.ts"
import * as ResourceStore from "../ResourceStore.ts"

export class AgentStore extends Context.Service<AgentStore, ResourceStore.ResourceStore<AgentBody, AgentSummary>>()(
  "@crewline/server/ResourceStore/Agents"
) {}

export const layer: Layer.Layer<AgentStore, never, SqlClient> = Layer.effect(
  AgentStore,
  Effect.suspend(() =>
    ResourceStore.make<AgentBody, AgentSummary>({
      name: "AgentStore",
      table: "crewline_agent",
      prefix: "agent",
      nameOf: (agent) => agent.name,
      summarize: ({ name, role }) => ({ name, role: ResourceStore.shorten(role) })
    })
  )
)
