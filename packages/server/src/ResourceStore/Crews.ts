/**
 * Stored crews, as their definitions. An agent may be a reference to a stored agent
 * (`{ "agentId": … }`): every validation and start looks it up again, so that a change of the agent
 * applies to the crews that use it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { CrewBody, CrewSummary } from "../Api/Crews.ts"
import * as ResourceStore from "../ResourceStore.ts"

export class CrewStore extends Context.Service<CrewStore, ResourceStore.ResourceStore<CrewBody, CrewSummary>>()(
  "@crewline/server/ResourceStore/Crews"
) {}

export const layer: Layer.Layer<CrewStore, never, SqlClient> = Layer.effect(
  CrewStore,
  Effect.suspend(() =>
    ResourceStore.make<CrewBody, CrewSummary>({
      name: "CrewStore",
      table: "crewline_crew",
      prefix: "crew",
      nameOf: (crew) => crew.name,
      summarize: ({ agents, description, name, tasks }) => ({
        name,
        ...(description !== undefined && { description: ResourceStore.shorten(description) }),
        agentCount: Object.keys(agents).length,
        taskCount: Object.keys(tasks).length
      })
    })
  )
)
