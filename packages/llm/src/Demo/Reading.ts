/**
 * What the demonstration model reads in a request: the task, what tools and earlier tasks gave, the
 * schema of the answer. Nothing is understood; it is found by its form.
 */
import type * as Llm from "@crewline/core/Llm"
import type { JsonSchema } from "effect/JsonSchema"

/** A text that may be quoted. */
export interface Source {
  /** `file_read (path: otters.md)`, `the earlier task "gather"`. */
  readonly title: string
  readonly text: string
  /** The tool failed; the text says why. */
  readonly isFailure: boolean
}

export interface Reading {
  /** What is to be done, as the first message says it. */
  readonly description: string
  /** The whole of what the user said first. */
  readonly prompt: string
  readonly expectedOutput: string
  /** What tools gave, then what earlier tasks gave. */
  readonly sources: ReadonlyArray<Source>
  /** Tools that were called already. */
  readonly called: ReadonlySet<string>
  readonly schema: JsonSchema | undefined
  /** Why the last answer was not accepted. */
  readonly complaint: string | undefined
  /** The words that matter, lower case, in order. */
  readonly terms: ReadonlyArray<string>
}

export const read = (request: Llm.Request): Reading => {
  const users: Array<string> = []
  const called = new Map<string, string>()
  const names = new Set<string>()
  const tools: Array<Source> = []
  for (const message of request.messages) {
    if (message.role === "user") users.push(textOf(message.content))
    else if (message.role === "assistant" && typeof message.content !== "string") {
      for (const part of message.content) {
        if (part.type !== "tool-call") continue
        names.add(part.name)
        called.set(part.id, `${part.name}${argumentsOf(part.params)}`)
      }
    } else if (message.role === "tool") {
      for (const part of message.content) {
        if (part.type !== "tool-result") continue
        const title = called.get(part.id) ?? part.name
        // What only repeats an argument is in the title already.
        const lines = leaves(part.result).filter((line) => !title.includes(line))
        const text = lines.join("\n")
        // A figure says nothing without what it is the figure of.
        const isFigure = !part.isFailure && text.length <= 80 && !text.includes("\n")
        tools.push({ title, text: isFigure ? `${title}${gives}${text}` : text, isFailure: part.isFailure })
      }
    }
  }
  const [prompt = "", ...later] = users
  const [description = "", afterwards = ""] = prompt.split(/\n\nExpected output: /)
  const expectedOutput = afterwards.split("\n\n")[0] ?? ""
  return {
    description: description.trim(),
    prompt,
    expectedOutput: expectedOutput.trim(),
    sources: [...tools, ...earlierResults(prompt)],
    called: names,
    schema: request.output?.schema ?? schemaIn(users),
    complaint: later
      .at(-1)
      ?.split("\n\n")[0]
      ?.replace(/^Your answer was not accepted:\n/, ""),
    terms: termsOf(description)
  }
}

const textOf = (content: string | ReadonlyArray<{ readonly type: string; readonly text?: string }>): string =>
  typeof content === "string" ? content : content.map((part) => part.text ?? "").join("\n")

const argumentsOf = (params: unknown): string => {
  if (typeof params !== "object" || params === null) return ""
  const shown = Object.entries(params).map(
    ([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`
  )
  return shown.length === 0 ? "" : ` (${shown.join(", ")})`
}

/** The texts and figures inside of a result. */
const leaves = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  if (typeof value === "number" || typeof value === "boolean") return [String(value)]
  if (typeof value !== "object" || value === null) return []
  if (Array.isArray(value)) return value.flatMap(leaves)
  return Object.entries(value).flatMap(([name, child]) => {
    const inner = leaves(child)
    return inner.length === 1 && !inner[0]?.includes("\n") ? [`${name}: ${inner[0]}`] : inner
  })
}

const closing = "\n</result>"

/**
 * In time linear in the prompt: a line that opens ends at the next `<`, and without an end no other
 * is looked for.
 */
const earlierResults = (prompt: string): ReadonlyArray<Source> => {
  const opening = /<result task="([^"<>\n]*)"([^<>\n]*)>\n/g
  const sources: Array<Source> = []
  for (let found = opening.exec(prompt); found !== null; found = opening.exec(prompt)) {
    const [, task, attributes = ""] = found
    const end = prompt.indexOf(closing, opening.lastIndex)
    if (end === -1) break
    sources.push({
      title: `the earlier task "${task}"`,
      text: quotable(prompt.slice(opening.lastIndex, end)),
      isFailure: attributes.includes("status=")
    })
    opening.lastIndex = end + closing.length
  }
  return sources
}

/** Of an earlier demonstration only what it quoted itself is worth quoting. */
const quotable = (text: string): string => {
  if (text.startsWith(notice)) return (text.match(/^> .*/gm) ?? []).join("\n")
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === "object" && json !== null ? leaves(json).join("\n") : text
  } catch {
    return text
  }
}

/** A schema that the words of a message give, on a line of its own: the last one. */
const schemaIn = (messages: ReadonlyArray<string>): JsonSchema | undefined => {
  for (const message of messages.toReversed()) {
    if (!message.includes("JSON Schema")) continue
    for (const line of message.split("\n").toReversed()) {
      if (!line.startsWith("{")) continue
      try {
        return JSON.parse(line)
      } catch {
        // Not this line.
      }
    }
  }
  return undefined
}

const meaningless = new Set(
  "about above after again also because been before being below between both could does doing during each every from further given have having here into itself just like make more most much must only other over please same should some such than that their them then there these they this those through under until using very what when where which while will with would your task tasks write read find list give than word words sentence sentences paragraph short brief first second third result results answer output expected".split(
    " "
  )
)

const termsOf = (description: string): ReadonlyArray<string> => {
  const words = description.toLowerCase().match(/\p{L}[\p{L}\p{N}-]{3,}/gu) ?? []
  return [...new Set(words)].filter((word) => !meaningless.has(word))
}

// --- quoting ----------------------------------------------------------------------------------------------------------------------

const shortest = 8
const maxLineLength = 220

/** The lines of a text that have most to do with the terms, in their order. */
export const quotes = (text: string, terms: ReadonlyArray<string>, count: number): ReadonlyArray<string> =>
  rank(text, terms)
    .slice(0, count)
    .toSorted((a, b) => a.index - b.index)
    .map(({ line }) => line)

/** The same, from all that did not fail, the best first. */
export const bestQuotes = (reading: Reading, count: number): ReadonlyArray<string> =>
  reading.sources
    .filter((source) => !source.isFailure)
    .flatMap((source) => rank(source.text, reading.terms))
    .toSorted((a, b) => b.score - a.score)
    .slice(0, count)
    .map(({ line }) => line)
    .filter((line, index, all) => all.indexOf(line) === index)

const rank = (text: string, terms: ReadonlyArray<string>) =>
  text
    .split(/\n/)
    .flatMap((line) => (line.length > maxLineLength ? line.split(/(?<=[.!?;])\s+/) : [line]))
    .map((line) => line.replace(/^(?:>|#+|[-*•])\s*/, "").trim())
    .filter(isSubstance)
    .map((line, index) => {
      const lower = line.toLowerCase()
      // Figures and whole sentences tell more than headings.
      const score =
        terms.filter((term) => lower.includes(term)).length * 2 +
        (/\d/.test(line) ? 1 : 0) +
        (/[.!?;]$/.test(line) ? 1 : 0) +
        (line.includes(gives) ? 3 : 0)
      return { line: line.length > maxLineLength ? `${line.slice(0, maxLineLength)}…` : line, index, score }
    })
    .toSorted((a, b) => b.score - a.score || a.index - b.index)

/** The first words of every demonstration, by which one knows another. */
export const notice = "This is a demonstration"

/** Between a call and the figure that came of it. */
const gives = " gives "

const isSubstance = (line: string): boolean =>
  line.length >= shortest &&
  /\p{L}|\d/u.test(line) &&
  !line.includes(notice) &&
  !/^(Task|Wanted|From [^:]*):/.test(line)
