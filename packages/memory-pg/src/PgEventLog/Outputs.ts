/**
 * Outputs of tasks that this process has stored, until their execution ends: the tasks that depend
 * on them are mostly run here too, and need no statement to read them. A settled task never
 * changes, so nothing here is ever out of date. What exceeds the limit goes, the executions first
 * whose outputs were used least recently.
 */
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Schema from "effect/Schema"
import * as StoredEvent from "./StoredEvent.ts"

interface Kept {
  /** JSON by task: nobody who gets a value can change what others get. */
  readonly texts: Map<string, string>
  length: number
}

export interface Outputs {
  /** Notes events that were stored. */
  readonly stored: (tenant: string, executionId: string, events: ReadonlyArray<ExecutionEvent.ExecutionEvent>) => void
  /** The outputs of these tasks, when all of them are known. */
  readonly find: (
    tenant: string,
    executionId: string,
    taskIds: ReadonlyArray<string>
  ) => ReadonlyMap<string, Schema.Json> | undefined
}

const keyOf = (tenant: string, executionId: string) => `${executionId}\n${tenant}`

/** Keeps at most `maxLength` characters. */
export const make = (maxLength: number): Outputs => {
  /** The least recently used first. */
  const executions = new Map<string, Kept>()
  let length = 0

  const drop = (key: string) => {
    const kept = executions.get(key)
    if (kept === undefined) return
    executions.delete(key)
    length -= kept.length
  }

  const keep = (key: string, taskId: string, output: Schema.Json) => {
    const text = JSON.stringify(output)
    if (text.length > StoredEvent.blobBytes) return
    let kept = executions.get(key)
    if (kept === undefined) executions.set(key, (kept = { texts: new Map(), length: 0 }))
    kept.texts.set(taskId, text)
    kept.length += text.length
    length += text.length
    for (const oldest of executions.keys()) {
      if (length <= maxLength) break
      drop(oldest)
    }
  }

  return {
    stored: (tenant, executionId, events) => {
      if (maxLength <= 0) return
      const key = keyOf(tenant, executionId)
      if (events.at(-1)?.type === "ExecutionEnded") return drop(key)
      for (const event of events) if (event.type === "TaskCompleted") keep(key, event.taskId, event.output)
    },
    find: (tenant, executionId, taskIds) => {
      const key = keyOf(tenant, executionId)
      const kept = executions.get(key)
      if (kept === undefined || !taskIds.every((id) => kept.texts.has(id))) return undefined
      executions.delete(key)
      executions.set(key, kept)
      return new Map(taskIds.map((id) => [id, JSON.parse(kept.texts.get(id)!) as Schema.Json]))
    }
  }
}
