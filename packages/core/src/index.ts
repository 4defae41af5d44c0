/**
 * Crews of AI agents: the map of the package, in reading order. Each module is also an entry of its
 * own (`@crewline/core/Crew`), which loads nothing else.
 */

// What is declared.
export * as Agent from "./Agent.ts"
export * as Task from "./Task.ts"
export * as Name from "./Name.ts"
export * as Crew from "./Crew.ts"
export * as CrewFile from "./CrewFile.ts"
export * as Dag from "./Dag.ts"
export * as Plan from "./Plan.ts"
export * as Policy from "./Policy.ts"

// What happens, and what it comes to.
export * as Ask from "./Ask.ts"
export * as Wait from "./Wait.ts"
export * as Message from "./Message.ts"
export * as ExecutionEvent from "./ExecutionEvent.ts"
export * as Execution from "./Execution.ts"
export * as Decision from "./Decision.ts"
export * as Limits from "./Limits.ts"
export * as Usage from "./Usage.ts"

// What it stands on.
export * as Reranker from "./Reranker.ts"
export * as Embedder from "./Embedder.ts"
export * as EventLog from "./EventLog.ts"
export * as Feed from "./Feed.ts"
export * as Broadcast from "./Broadcast.ts"
export * as TaskQueue from "./TaskQueue.ts"
export * as LostLeases from "./LostLeases.ts"
export * as Llm from "./Llm.ts"
export * as Toolbox from "./Toolbox.ts"
export * as Tool from "./Tool.ts"
export * as ToolSearch from "./ToolSearch.ts"
export * as Memory from "./Memory.ts"
export * as Outbox from "./Outbox.ts"
export * as Liveness from "./Liveness.ts"
export * as Workspace from "./Workspace.ts"
export * as PathGuard from "./PathGuard.ts"
export * as Tenant from "./Tenant.ts"
export * as TraceContext from "./TraceContext.ts"
export * as JsonSchemaValidator from "./JsonSchemaValidator.ts"
export * as Secrets from "./Secrets.ts"
export * as StandardSchema from "./StandardSchema.ts"
export * as Suggestion from "./Suggestion.ts"
export * as AddressGuard from "./AddressGuard.ts"

// What runs it, and what an application calls.
export * as LocalEventLog from "./LocalEventLog.ts"
export * as LocalTaskQueue from "./LocalTaskQueue.ts"
export * as QueueFacts from "./QueueFacts.ts"
export * as ExecutionView from "./ExecutionView.ts"
export * as AskView from "./AskView.ts"
export * as AgentLoop from "./AgentLoop.ts"
export * as Manager from "./Manager.ts"
export * as Generator from "./Generator.ts"
export * as GeneratedCrew from "./GeneratedCrew.ts"
export * as Worker from "./Worker.ts"
export * as Adoption from "./Adoption.ts"
export * as Crewline from "./Crewline.ts"
