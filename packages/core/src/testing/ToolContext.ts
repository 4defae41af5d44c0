/** The context of a call, for tests that run a tool on its own. */
import type { ToolContext } from "../Toolbox.ts"
import * as Workspace from "../Workspace.ts"

/** A call without a workspace, except what is given. */
export const make = (given: Partial<ToolContext> = {}): ToolContext => ({
  tenant: "default",
  executionId: "e",
  taskId: "t",
  run: 1,
  turn: 1,
  agent: "a",
  callId: "c",
  idempotencyKey: "e/t/1/1/c",
  workspace: Workspace.none,
  ...given
})
