/**
 * An event as a row: the data for the fold in the body, large values separately, and very large
 * ones in a blob by hash. A stored event is read back exactly as it was written, including the
 * order of keys.
 */
import * as NodeCrypto from "node:crypto"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"

/** Fields that a reader may leave out, by type of event. */
const payloadFields: { readonly [type in ExecutionEvent.Type]?: ReadonlyArray<string> } = {
  TurnCompleted: ["messages", "parts"],
  ToolCalled: ["arguments", "result"],
  TaskCompleted: ["output"],
  SignalReceived: ["value"],
  MessageSent: ["text"],
  AskAnswered: ["arguments", "feedback", "reason", "value"]
}

/** Payloads of more bytes go to the blob table. */
export const blobBytes = 64 * 1024
const excerptLength = 200

export interface Row {
  readonly type: string
  readonly task_id?: string
  readonly run?: number
  readonly turn?: number
  readonly body: string
  readonly payload?: string
  readonly sha256?: string
  readonly size?: number
  readonly excerpt?: string
}

/** The row of a draft, and the content of its blob when it has one. */
export const split = (draft: ExecutionEvent.Draft): { readonly row: Row; readonly blob?: string } => {
  const { run, taskId, turn } = draft as { readonly taskId?: string; readonly run?: number; readonly turn?: number }
  const columns = {
    type: draft.type,
    ...(taskId !== undefined && { task_id: taskId }),
    ...(run !== undefined && { run }),
    ...(turn !== undefined && { turn })
  }
  const { body, large } = divide(draft)
  if (large === undefined) return { row: { ...columns, body: JSON.stringify(body) } }
  const payload = JSON.stringify(large)
  // No text has more bytes than three times its length.
  const size = payload.length * 3 > blobBytes ? Buffer.byteLength(payload) : 0
  if (size <= blobBytes) return { row: { ...columns, body: JSON.stringify(body), payload } }
  return {
    row: {
      ...columns,
      body: JSON.stringify(body),
      sha256: NodeCrypto.createHash("sha256").update(payload).digest("hex"),
      size,
      // Half a surrogate pair at the cut is no text for PostgreSQL.
      excerpt: payload.slice(0, excerptLength).replace(/[\uD800-\uDBFF]$/, "")
    },
    blob: payload
  }
}

/** What the fold needs of a draft, and what is large. */
const divide = (draft: ExecutionEvent.Draft): { readonly body: object; readonly large?: object } => {
  if (draft.type === "TaskSuspended") return divideSuspension(draft)
  const fields = payloadFields[draft.type]
  if (fields === undefined) return { body: draft }
  const body: Record<string, unknown> = {}
  const large: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(draft)) (fields.includes(key) ? large : body)[key] = value
  return Object.keys(large).length === 0 ? { body } : { body, large }
}

/** Asks and tasks are in both: whole in what is large, and without their texts in the body. */
const divideSuspension = (draft: ExecutionEvent.TaskSuspended): { readonly body: object; readonly large?: object } => {
  const { asks, spawn } = draft
  if (spawn.length === 0 && (asks === undefined || asks.length === 0)) return { body: draft }
  const outline = {
    ...(asks !== undefined && {
      asks: asks.map(({ reply: _reply, schema: _schema, shown: _shown, ...ask }) => ask)
    }),
    spawn: spawn.map(({ acceptance: _acceptance, attachments: _attachments, output: _output, ...task }) => ({
      ...task,
      description: "",
      expectedOutput: "",
      // Which functions a task needs decides who can do it.
      guardrails: task.guardrails.filter(({ kind }) => kind === "code")
    }))
  }
  return { body: { ...draft, ...outline }, large: { ...(asks !== undefined && { asks }), spawn } }
}

/** An event without its stamp; without a payload its large fields are absent. */
export const parse = <A>(body: string, payload: string | null): A => ({
  ...JSON.parse(body),
  ...(payload !== null && JSON.parse(payload))
})

/** The event of a row; without a payload its large fields are absent. */
export const join = (
  executionId: string,
  row: { readonly seq: number; readonly at: Date; readonly body: string; readonly payload: string | null }
): ExecutionEvent.ExecutionEvent => ({
  ...parse<ExecutionEvent.Draft>(row.body, row.payload),
  seq: row.seq,
  at: row.at.toISOString(),
  executionId
})
