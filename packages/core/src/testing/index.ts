/**
 * What every layer of a port must do, as suites of tests: an adapter calls the suite of its port
 * with its layer. And what a test of a tool needs.
 */
export * as BroadcastContract from "./BroadcastContract.ts"
export * as EventLogContract from "./EventLogContract.ts"
export * as MemoryContract from "./MemoryContract.ts"
export * as OutboxContract from "./OutboxContract.ts"
export * as RecallContract from "./RecallContract.ts"
export * as TaskQueueContract from "./TaskQueueContract.ts"
export * as TaskQueueModel from "./TaskQueueModel.ts"
export * as ToolContext from "./ToolContext.ts"
export * as WorkspaceContract from "./WorkspaceContract.ts"
