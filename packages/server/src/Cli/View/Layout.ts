/**
 * Turns a view into lines of styled text that fit a terminal: never wider than `columns`, never
 * more than `rows`. Pure.
 *
 * When there is too little room, the lines of running text go first, then tasks that are over, then
 * tasks that have not begun; a last line counts the hidden ones.
 */
import type { TaskStatus } from "@crewline/core/ExecutionView"
import type { Usage } from "@crewline/core/Usage"
import { displayWidth } from "effect/cli/CliOutput"
import * as HashMap from "effect/HashMap"
import * as View from "../View.ts"
import type * as Tree from "./Tree.ts"

export type Style = "plain" | "strong" | "dim" | "good" | "bad" | "busy" | "name"

export interface Span {
  readonly text: string
  readonly style: Style
}

export type Line = ReadonlyArray<Span>

export interface Room {
  readonly columns: number
  /** Absent: as many as it takes. */
  readonly rows?: number
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Counts up as time passes; turns the spinner. */
  readonly frame: number
}

const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

const icons: Record<Exclude<TaskStatus, "running">, Span> = {
  pending: { text: "○", style: "dim" },
  waiting: { text: "◔", style: "busy" },
  retrying: { text: "↻", style: "busy" },
  completed: { text: "✔", style: "good" },
  failed: { text: "✖", style: "bad" },
  skipped: { text: "↷", style: "dim" },
  cancelled: { text: "◼", style: "dim" }
}

/** The whole picture: a heading, the tree of tasks, and the result. */
export const lines = (view: View.View, room: Room): ReadonlyArray<Line> => {
  if (view.rows.length === 0) return []
  const tasks = View.tasks(view)
  const head: ReadonlyArray<Line> = [heading(view), []]
  const foot: ReadonlyArray<Line> = [[], summary(view, tasks, room.now)]
  const budget = Math.max(1, (room.rows ?? Number.POSITIVE_INFINITY) - head.length - foot.length)
  const shown = select(tasks, budget)
  const texts = withText(tasks, shown, budget)
  const widths = measure(view, tasks, shown, room.now)
  const body: Array<Line> = []
  for (const [index, row] of view.rows.entries()) {
    const task = tasks[index]
    if (task === undefined || !shown.has(task.id)) continue
    body.push(taskLine(view, row, task, widths, room))
    if (texts.has(task.id)) body.push(textLine(row, task, room.columns))
  }
  if (shown.size < tasks.length) body.push(notShown(tasks.filter((task) => !shown.has(task.id))))
  return [...head, ...body, ...foot].map((line) => cut(line, room.columns))
}

/** The same without styles, for tests and for terminals without them. */
export const text = (line: Line): string => line.map((span) => span.text).join("")

const plain = (text: string): Span => ({ text, style: "plain" })
const dim = (text: string): Span => ({ text, style: "dim" })

const heading = (view: View.View): Line => {
  const inputs = Object.entries(view.inputs).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`
  )
  return [
    { text: oneLine(view.crew), style: "strong" },
    ...(inputs.length === 0 ? [] : [dim(`  ${oneLine(inputs.join("  "))}`)])
  ]
}

interface Widths {
  readonly name: number
  readonly agent: number
  readonly duration: number
  readonly tokens: number
  readonly cost: number
}

const widest = (texts: ReadonlyArray<string>): number => texts.reduce((most, text) => Math.max(most, cells(text)), 0)

const measure = (view: View.View, tasks: ReadonlyArray<View.Task>, shown: ReadonlySet<string>, now: number): Widths => {
  const visible = tasks.filter((task) => shown.has(task.id))
  const branches = new Map(view.rows.map((row) => [row.id, row.branch]))
  return {
    name: widest(visible.map((task) => `${branches.get(task.id) ?? ""}  ${oneLine(task.name)}`)),
    agent: widest(visible.map((task) => oneLine(task.agent))),
    duration: widest(visible.map((task) => durationOf(task, now))),
    tokens: widest(visible.map((task) => tokens(task.usage))),
    cost: widest(visible.map((task) => cost(task.usage)))
  }
}

const taskLine = (view: View.View, row: Tree.Row, task: View.Task, widths: Widths, room: Room): Line => {
  const icon =
    task.status === "running"
      ? { text: spinner[room.frame % spinner.length] ?? "", style: "busy" as const }
      : icons[task.status]
  const name = oneLine(task.name)
  const padding = " ".repeat(Math.max(0, widths.name - cells(`${row.branch}  ${name}`)))
  const agent = oneLine(task.agent)
  return [
    dim(row.branch),
    icon,
    plain(" "),
    { text: name, style: task.status === "pending" ? "dim" : "name" },
    plain(padding),
    dim(`  ${agent}${" ".repeat(widths.agent - cells(agent))}`),
    ...column(durationOf(task, room.now), widths.duration),
    ...column(tokens(task.usage), widths.tokens),
    ...column(cost(task.usage), widths.cost),
    ...note(view, task)
  ]
}

/** Right-aligned; nothing at all when no task has it. */
const column = (text: string, width: number): Line =>
  width === 0 ? [] : [dim(`  ${" ".repeat(width - cells(text))}${text}`)]

const note = (view: View.View, task: View.Task): Line => {
  const attempt = task.attempt > 1 ? [{ text: `  attempt ${task.attempt}`, style: "busy" as const }] : []
  const style = task.status === "failed" ? "bad" : "dim"
  const said = task.note ?? task.decided
  const about = (text: string): Line => [...attempt, { text: `  ${oneLine(text)}`, style }]
  switch (task.status) {
    case "pending": {
      const open = task.dependencies.flatMap((id) => {
        const other = HashMap.get(view.tasks, id)
        return other._tag === "Some" && !View.isSettled(other.value) ? [other.value.name] : []
      })
      return open.length === 0 ? attempt : about(`after ${open.join(", ")}`)
    }
    case "running":
      if (task.tools.length > 0) return about(`calls ${task.tools.join(", ")}`)
      return said === undefined ? attempt : about(said)
    case "retrying":
      return about(`tried again: ${task.note ?? ""}`)
    default:
      return said === undefined ? attempt : about(said)
  }
}

/**
 * The last line of what the task's model says, below it; its end matters most, so the beginning is
 * cut.
 */
const textLine = (row: Tree.Row, task: View.Task, columns: number): Line => {
  const indent = `${row.trunk}  `
  return [dim(indent), dim(ending(lastLine(task.tail), columns - cells(indent)))]
}

/** The end of a text, in at most `columns` cells. */
const ending = (text: string, columns: number): string => {
  if (cells(text) <= columns) return text
  let kept = ""
  let left = columns - 1
  for (const { segment } of Array.from(segments.segment(text)).toReversed()) {
    left -= cells(segment)
    if (left < 0) break
    kept = segment + kept
  }
  return `…${kept}`
}

const lastLine = (text: string): string => {
  const lines = text.split("\n").map((line) => oneLine(line).trim())
  return lines.findLast((line) => line !== "") ?? ""
}

const summary = (view: View.View, tasks: ReadonlyArray<View.Task>, now: number): Line => {
  const done = tasks.filter(View.isSettled).length
  const states: Record<View.View["status"], Span> = {
    pending: { text: "pending", style: "dim" },
    running: { text: "running", style: "busy" },
    paused: { text: "paused", style: "busy" },
    completed: { text: "completed", style: "good" },
    failed: { text: "failed", style: "bad" },
    cancelled: { text: "cancelled", style: "bad" }
  }
  const elapsed = view.startedAt === undefined ? [] : [duration((view.endedAt ?? now) - view.startedAt)]
  const facts = [`${done} of ${tasks.length} tasks`, ...elapsed, tokens(view.usage), cost(view.usage)].filter(
    (fact) => fact !== ""
  )
  return [
    states[view.status],
    dim(`  ${facts.join("  ")}`),
    ...(view.error === undefined ? [] : [{ text: `  ${oneLine(view.error)}`, style: "bad" as const }])
  ]
}

/**
 * The tasks to show in `budget` lines: running ones first, then failures, the next ones, the last
 * ones.
 */
const select = (tasks: ReadonlyArray<View.Task>, budget: number): ReadonlySet<string> => {
  if (tasks.length <= budget) return new Set(tasks.map((task) => task.id))
  const rank: Record<TaskStatus, number> = {
    running: 0,
    waiting: 1,
    retrying: 1,
    failed: 2,
    pending: 3,
    completed: 4,
    skipped: 5,
    cancelled: 5
  }
  const byInterest = tasks.toSorted((a, b) => rank[a.status] - rank[b.status] || (b.endedAt ?? 0) - (a.endedAt ?? 0))
  // One line is for the count of the rest.
  return new Set(byInterest.slice(0, Math.max(0, budget - 1)).map((task) => task.id))
}

/** The shown tasks that have room for a line of their text. */
const withText = (tasks: ReadonlyArray<View.Task>, shown: ReadonlySet<string>, budget: number): ReadonlySet<string> => {
  const left = shown.size < tasks.length ? 0 : budget - tasks.length
  const talking = tasks.filter((task) => task.status === "running" && lastLine(task.tail) !== "")
  return new Set(talking.slice(0, Math.max(0, left)).map((task) => task.id))
}

const notShown = (rest: ReadonlyArray<View.Task>): Line => {
  const counts = new Map<TaskStatus, number>()
  for (const task of rest) counts.set(task.status, (counts.get(task.status) ?? 0) + 1)
  return [dim(`… and ${[...counts].map(([status, count]) => `${count} ${status}`).join(", ")}`)]
}

const durationOf = (task: View.Task, now: number): string =>
  task.startedAt === undefined ? "" : duration((task.endedAt ?? now) - task.startedAt)

/** `0.4 s`, `12.3 s`, `3 min 05 s`, `2 h 07 min`; a clock that went back counts as no time. */
export const duration = (millis: number): string => {
  const tenths = Math.floor(Math.max(0, millis) / 100)
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`
  const seconds = Math.floor(tenths / 10)
  const two = (value: number) => String(value).padStart(2, "0")
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} min`
}

/** Input and output tokens together; nothing before the first answer. */
export const tokens = (usage: Usage): string => {
  if (usage.requests === 0) return ""
  return `${(usage.inputTokens + usage.outputTokens).toLocaleString("en-US")} tokens`
}

/** US dollars; nothing when the calls were free or their price is not known. */
export const cost = (usage: Usage): string => {
  if (usage.costUsd === null || usage.costUsd === 0) return ""
  if (usage.costUsd < 0.0001) return "<$0.0001"
  return `$${usage.costUsd.toFixed(usage.costUsd < 1 ? 4 : 2)}`
}

/**
 * Text of models, tools and crews on one line and without control characters: its author must not
 * be able to move the cursor, change a title or clear the screen.
 */
export const oneLine = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\r\n\t]+/g, " ").replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "")

/** One cell each: ASCII, box drawing, braille, and the signs above. */
const isNarrow = /^[\x20-\x7e\u2500-\u257f\u2800-\u28ff…○◔↻✔✖↷◼]*$/

/**
 * Cells that a text takes. Segmenting is slow (a frame of four tasks: 1.3 ms, without it 0.09 ms),
 * and rarely needed.
 */
export const cells = (text: string): number => (isNarrow.test(text) ? text.length : displayWidth(text))

const segments = new Intl.Segmenter()

/** At most `columns` cells; what is cut off is marked with an ellipsis. */
export const cut = (line: Line, columns: number): Line => {
  if (cells(text(line)) <= columns) return line
  const result: Array<Span> = []
  let left = columns - 1
  for (const span of line) {
    let kept = ""
    for (const { segment } of segments.segment(span.text)) {
      const width = cells(segment)
      if (width > left) return [...result, { ...span, text: `${kept}…` }]
      kept += segment
      left -= width
    }
    result.push({ ...span, text: kept })
  }
  return result
}
