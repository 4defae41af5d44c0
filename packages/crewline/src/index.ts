/**
 * Crews of AI agents:
 *
 *     import { Crew, run } from "crewline"
 *
 *     const crew = Crew.make({ name: "brief", agents: { … }, tasks: { … } })
 *     const { output } = await run(crew, { inputs: { topic: "otters" } })
 *
 * `client` is for long-lived programs, and for executions that outlive them. Importing this package
 * loads neither the engine nor the SDK of a model provider: they are loaded when a crew first runs.
 */
export * as Crew from "./Crew.ts"
export * as Tool from "./Tool.ts"
export { client, run, type RunOptions } from "./Run.ts"
export type { Account, Client, Execution, Memories, Models, ModelScript, Options, StartOptions } from "./Client.ts"
export {
  ClientClosed,
  CrewInvalid,
  EventLogError,
  ExecutionFailed,
  InvalidOption,
  MissingPackage,
  ToolFailed,
  ToolRetry
} from "./Failure.ts"
export type { Result, View } from "@crewline/core/Crewline"
export type { Followed as Event } from "@crewline/core/ExecutionEvent"
