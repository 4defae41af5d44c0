/**
 * An execution as plain text, one line per stored event, for pipes and log files: elapsed seconds,
 * the task, what happened.
 */
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Criteria from "./Criteria.ts"
import * as Layout from "./View/Layout.ts"
import * as Waiting from "./View/Waiting.ts"
import type * as View from "./View.ts"

/** The line of one event; `view` already contains it. Passing deltas have none. */
export const line = (view: View.View, event: ExecutionEvent.Followed): string | undefined => {
  if (event.type === "TextDelta") return undefined
  const elapsed = Math.max(0, Date.parse(event.at) - (view.startedAt ?? Date.parse(event.at)))
  const task = "taskId" in event ? `${event.taskId}: ` : ""
  return Layout.oneLine(`${(elapsed / 1000).toFixed(3).padStart(8)} s  ${task}${describe(view, event)}`)
}

const describe = (view: View.View, event: ExecutionEvent.ExecutionEvent): string => {
  switch (event.type) {
    case "ExecutionStarted":
      return `execution ${event.executionId} of crew ${event.plan.name} started (${count(event.plan.tasks.length, "task")})`
    case "TaskStarted":
      return event.attempt === 1 && event.run === 1 ? "started" : `started (attempt ${event.attempt}, run ${event.run})`
    case "TurnCompleted":
      return `${event.model} answered (${turnFacts(event)})${why(event)}`
    case "ModelNoticed":
      return `${event.notice.model} ${event.notice.kind}: ${event.notice.message}`
    case "GuardrailJudged":
      return event.accepted
        ? `guardrail ${event.guardrail + 1} accepted`
        : `guardrail ${event.guardrail + 1} refused: ${event.complaint ?? ""}`
    case "ToolStarted":
      return `calls ${event.tool}`
    case "ToolCalled": {
      const call = `${event.tool} ${excerpt(JSON.stringify(event.arguments))}`
      return `${call} ${event.isFailure ? "failed" : "answered"} in ${Math.round(event.durationMillis)} ms: ${excerpt(asText(event.result))}`
    }
    case "MemoryRecalled":
      return `recalls ${event.ids.length} ${event.ids.length === 1 ? "memory" : "memories"}`
    case "OutputRejected":
      return `output rejected by its ${event.by}: ${event.complaint}`
    case "AgentAssigned":
      return `assigned to ${event.agent}${event.reason === undefined ? ` (chosen by the ${event.by})` : `: ${event.reason}`}`
    case "ReviewJudged": {
      const { by, criteria, feedback, reason, verdict } = event
      const why = feedback ?? reason
      return `${by === "manager" ? "the manager" : "the policy of reviews"}: ${verdict}${judged(criteria)}${why === undefined ? "" : `: ${why}`}`
    }
    case "RecoveryChosen":
      return `the ${event.by} chose to ${event.choice}${event.reason === undefined ? "" : `: ${event.reason}`}`
    case "TaskSuspended":
      return `waits for ${Waiting.describe(event)}`
    case "TaskRetried":
      return `attempt ${event.attempt} failed and will be retried in ${Layout.duration(event.delayMillis)}: ${event.error.message}`
    case "TaskReleased":
      return "handed back"
    case "TaskUnserved":
      return `is waiting for a worker that has ${event.missing}`
    case "TaskCompleted":
      return `completed${event.partial === true ? " in part" : ""}${doubts(event)}${judged(event.criteria)}: ${excerpt(event.outputFile === undefined ? asText(event.output) : `wrote ${event.outputFile}`)}`
    case "TaskFailed":
      return `failed (${event.error.code}): ${event.error.message}`
    case "TaskSkipped":
      return `skipped (${event.reason}${event.because === undefined ? "" : `, because of ${event.because}`})`
    case "TaskCancelled":
      return `cancelled (${event.reason})`
    case "SignalReceived":
      return `signal ${event.signal} arrived`
    case "AskAnswered":
      return `${event.by.name} answered ${event.answer}`
    case "MessageSent":
      return `${event.by.name} tells ${event.taskId === undefined ? "the manager" : "its agent"}: ${event.text}`
    case "LimitRaised":
      return `limit of ${nameOf(event.scope)} raised`
    case "LimitReached":
      return event.percent === 100
        ? `limit of ${nameOf(event.scope)} reached`
        : `${event.percent}% of the limit of ${nameOf(event.scope)} used`
    case "ExecutionPaused":
      return "execution paused"
    case "ExecutionResumed":
      return "execution resumed"
    case "ExecutionEnded":
      return `execution ${event.status} (${executionFacts(view)})${event.error === undefined ? "" : `: ${event.error.message}`}`
  }
}

const doubts = ({ doubts = [] }: ExecutionEvent.TaskCompleted): string =>
  doubts.length === 0 ? "" : `, in doubt (${doubts.map(({ message }) => message).join(" ")})`

const judged = (criteria: ExecutionEvent.TaskCompleted["criteria"]): string =>
  criteria === undefined ? "" : `, ${Criteria.summary(criteria)}`

/** Text of a model beside its calls, such as why it delegates. Text without calls is its answer. */
const why = ({ parts }: ExecutionEvent.TurnCompleted): string => {
  if (parts.every(({ type }) => type !== "tool-call")) return ""
  const text = parts
    .flatMap((part) => (part.type === "text" ? [part.text] : []))
    .join(" ")
    .trim()
  return text === "" ? "" : `: ${excerpt(text)}`
}

const turnFacts = (event: ExecutionEvent.TurnCompleted): string => {
  const calls = event.parts.flatMap((part) => (part.type === "tool-call" ? [part.name] : []))
  return facts([
    `turn ${event.turn}`,
    Layout.tokens(event.usage),
    Layout.cost(event.usage),
    calls.length === 0 ? "" : `asks for ${calls.join(", ")}`
  ])
}

const executionFacts = (view: View.View): string =>
  facts([
    Layout.duration((view.endedAt ?? 0) - (view.startedAt ?? 0)),
    count(view.usage.requests, "model call"),
    Layout.tokens(view.usage),
    Layout.cost(view.usage)
  ])

const facts = (list: ReadonlyArray<string>): string => list.filter((fact) => fact !== "").join(", ")

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`

const asText = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

const excerptLength = 160

const excerpt = (text: string): string => (text.length > excerptLength ? `${text.slice(0, excerptLength)}…` : text)

/** `the execution`, `task write`, `agent writer`. */
const nameOf = (scope: string): string => (scope === "execution" ? "the execution" : scope.replace("/", " "))
