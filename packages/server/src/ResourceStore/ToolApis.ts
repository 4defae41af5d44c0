/**
 * APIs whose operations a tenant has registered as tools. What is stored is the operations, not the
 * document: reading them is cheap, and a later version of Crewline does not change their
 * definitions. Secrets are named, not contained.
 */
import type * as OpenApi from "@crewline/tools/OpenApi"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Auth } from "../Api/Tools.ts"
import * as ResourceStore from "../ResourceStore.ts"

export interface ToolApi {
  readonly name: string
  readonly hosts: ReadonlyArray<string>
  readonly auth?: Auth
  /** Of one call, in milliseconds. */
  readonly timeoutMillis?: number
  /** The most characters of a result that a model is shown at once. */
  readonly maxResult?: number
  readonly operations: ReadonlyArray<OpenApi.Operation>
}

export interface ToolApiSummary {
  readonly name: string
}

export type Stored = ResourceStore.Stored<ToolApi>

export class ToolApiStore extends Context.Service<ToolApiStore, ResourceStore.ResourceStore<ToolApi, ToolApiSummary>>()(
  "@crewline/server/ResourceStore/ToolApis"
) {}

export const layer: Layer.Layer<ToolApiStore, never, SqlClient> = Layer.effect(
  ToolApiStore,
  Effect.suspend(() =>
    ResourceStore.make<ToolApi, ToolApiSummary>({
      name: "ToolApiStore",
      table: "crewline_tool_api",
      prefix: "tool_api",
      nameOf: ({ name }) => name,
      summarize: ({ name }) => ({ name })
    })
  )
)
