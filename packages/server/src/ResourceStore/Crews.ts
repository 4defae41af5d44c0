/**
 * Stored crews, as their definitions. An agent may be a reference to a stored agent (`{ "agentId": … }`): it is looked up anew
 * by every validation and start, so that a change of the agent reaches the crews that use it.
 */
import * as Agent from "@crewline/core/Agent"
import * as Crew from "@crewline/core/Crew"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import * as ResourceStore from "../ResourceStore.ts"

/** In the place of an agent: one that is stored. */
export const AgentReference = Schema.Struct({ agentId: Schema.String }).annotate({
  identifier: "AgentReference",
  description: "A stored agent"
})
export type AgentReference = typeof AgentReference.Type

/** A crew as clients send and receive it. */
export const CrewBody = Schema.Struct({
  ...Crew.Definition.fields,
  agents: Schema.Record(Schema.String, Schema.Union([Agent.Agent, AgentReference]))
}).annotate({ identifier: "CrewBody", description: "A crew of agents and its tasks" })
export type CrewBody = typeof CrewBody.Type

export class CrewStore extends Context.Service<CrewStore, ResourceStore.ResourceStore<CrewBody>>()(
  "@crewline/server/ResourceStore/Crews"
) {}

export const layer: Layer.Layer<CrewStore, never, SqlClient> = Layer.effect(
  CrewStore,
  Effect.suspend(() =>
    ResourceStore.make<CrewBody>({
      name: "CrewStore",
      table: "crewline_crew",
      prefix: "crew",
      nameOf: (crew) => crew.name
    })
  )
)
