/**
 * Invariants of the events of one execution, however often its servers died, and the answers of
 * models they record.
 */
import type { Event } from "./Follower.ts"
import { turnKey } from "@crewline/fake-provider/Process"

const terminal = new Set(["TaskCompleted", "TaskFailed", "TaskSkipped", "TaskCancelled"])

/** The violations found in an ended history, as messages; empty if there are none. */
export const problems = (events: ReadonlyArray<Event>): ReadonlyArray<string> => {
  const found: Array<string> = []
  const runs = new Map<string, number>()
  const settled = new Map<string, Event>()
  const tools = new Map<string, Event>()
  events.forEach((event, index) => {
    const where = `event ${event.seq} (${event.type} of ${event.taskId})`
    if (event.seq !== index + 1) found.push(`${where} stands at place ${index + 1}`)
    if (index > 0 && event.at < events[index - 1]!.at) found.push(`${where} is older than the one before`)
    if (event.type === "ExecutionStarted" && index > 0) found.push(`${where}: a second start`)
    if (event.type === "ExecutionEnded" && index + 1 < events.length)
      found.push(`${where}: something comes after the end`)
    const { taskId } = event
    if (taskId === undefined) return
    if (terminal.has(event.type)) {
      const before = settled.get(taskId)
      if (before !== undefined) found.push(`${where}: was settled by event ${before.seq} already`)
      settled.set(taskId, event)
      if (event.run !== undefined && event.run !== runs.get(taskId)) found.push(`${where}: settled by a stale run`)
    } else if (event.type === "TaskStarted") {
      const before = settled.get(taskId)
      if (before !== undefined) found.push(`${where}: started after event ${before.seq} had settled it`)
      if (event.run !== (runs.get(taskId) ?? 0) + 1) found.push(`${where}: run ${event.run} after ${runs.get(taskId)}`)
      runs.set(taskId, event.run!)
    } else if (event.type === "ToolCalled") {
      const key = `${taskId} ${event.turn} ${String(event.callId)}`
      const before = tools.get(key)
      if (before !== undefined) found.push(`${where}: its result was recorded by event ${before.seq} already`)
      tools.set(key, event)
    }
  })
  if (events[0]?.type !== "ExecutionStarted") found.push("it does not begin with its start")
  if (events.at(-1)?.type !== "ExecutionEnded") found.push("it does not end")
  return found
}

/** An answer of a model in the log. */
export interface Answer {
  readonly event: Event
  /** The turn from the provider's view. */
  readonly key: string
}

interface Message {
  readonly role: string
  readonly content: string | ReadonlyArray<{ readonly type: string; readonly text?: string }>
}

const textOf = ({ content }: Message): string =>
  typeof content === "string" ? content : content.map((part) => part.text ?? "").join("")

/** Chat completions have one message for each result of a tool. */
const lengthOf = ({ content, role }: Message): number => (role === "tool" ? content.length : 1)

/**
 * Every recorded turn, with the prompt that it answered. Only for histories in which no attempt
 * starts over.
 */
export const answers = (events: ReadonlyArray<Event>): ReadonlyArray<Answer> => {
  const conversations = new Map<string, { length: number; prompt: string; turns: number }>()
  const found: Array<Answer> = []
  for (const event of events) {
    if (event.type !== "TurnCompleted") continue
    const conversation = conversations.get(event.taskId!) ?? { length: 0, prompt: "", turns: 0 }
    conversations.set(event.taskId!, conversation)
    if (event.turn !== conversation.turns + 1) {
      throw new Error(`Event ${event.seq}: turn ${event.turn} of ${event.taskId} after turn ${conversation.turns}`)
    }
    for (const message of event.messages as ReadonlyArray<Message>) {
      conversation.length += lengthOf(message)
      if (message.role === "user") conversation.prompt = textOf(message)
    }
    found.push({ event, key: turnKey(conversation.length, conversation.prompt) })
    conversation.length += 1
    conversation.turns += 1
  }
  return found
}
