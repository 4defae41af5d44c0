/**
 * Directives inside a prompt, which tell a fake provider what to answer:
 *
 *     [[tool:name {"json":1}]]   call this tool; one directive a turn, in order; `+` between two puts them into the same turn
 *     [[latency:50]]             wait this many milliseconds before the answer
 *     [[answer:text]]            answer with this text, word for word
 *     [[fail:503]] [[fail:429:2]]  answer with this status; with a number, only the first so many requests for this turn
 *     [[never]]                  take the request and never answer
 */

export interface Script {
  /** The calls of each turn that calls tools. */
  readonly turns: ReadonlyArray<ReadonlyArray<{ readonly name: string; readonly arguments: string }>>
  readonly latency: number | undefined
  readonly answer: string | undefined
  readonly fail: { readonly status: number; readonly times: number } | undefined
  readonly never: boolean
}

const nothing: Script = { turns: [], latency: undefined, answer: undefined, fail: undefined, never: false }

export const parse = (prompt: string): Script => {
  if (!prompt.includes("[[")) return nothing
  const turns: Array<Array<{ name: string; arguments: string }>> = []
  let script = nothing
  let end = -1
  for (const { argument, end: after, json, kind, start } of directivesOf(prompt)) {
    if (kind === "tool") {
      const call = { name: argument, arguments: json ?? "{}" }
      const previous = turns.at(-1)
      if (previous !== undefined && end !== -1 && prompt.slice(end, start).trim() === "+") previous.push(call)
      else turns.push([call])
    } else if (kind === "latency") script = { ...script, latency: Number(argument) }
    else if (kind === "answer") script = { ...script, answer: argument }
    else if (kind === "fail") {
      const [status, times] = argument.split(":")
      script = { ...script, fail: { status: Number(status), times: times === undefined ? Infinity : Number(times) } }
    } else script = { ...script, never: true }
    end = kind === "tool" ? after : -1
  }
  return { ...script, turns }
}

/** The prompt without its directives, so that an answer never passes them on. */
export const strip = (prompt: string): string => {
  let out = ""
  let from = 0
  for (const { end, start } of directivesOf(prompt)) {
    out += prompt.slice(from, start)
    from = end
  }
  return (out + prompt.slice(from)).replaceAll("[[", "[").trim()
}

interface Directive {
  readonly kind: string
  readonly argument: string
  readonly json: string | undefined
  readonly start: number
  readonly end: number
}

const directivesOf = (text: string): ReadonlyArray<Directive> => {
  const out: Array<Directive> = []
  for (let start = text.indexOf("[["); start !== -1; start = text.indexOf("[[", start)) {
    const match = /\[\[(?:(tool|latency|answer|fail):|(never))/y
    match.lastIndex = start
    const found = match.exec(text)
    if (found === null) {
      start += 2
      continue
    }
    const from = match.lastIndex
    const brace = found[1] === "tool" ? /[^\]\s{]* *(?=\{)/y : undefined
    if (brace !== undefined) brace.lastIndex = from
    const name = brace?.exec(text)?.[0]
    const jsonEnd = name === undefined ? from : endOfJson(text, from + name.length)
    const close = text.indexOf("]]", jsonEnd)
    if (close === -1) break
    out.push({
      kind: found[1] ?? "never",
      argument: name === undefined ? text.slice(from, close) : name.trim(),
      json: name === undefined ? undefined : text.slice(from + name.length, jsonEnd),
      start,
      end: close + 2
    })
    start = close + 2
  }
  return out
}

/** Where the JSON object or array that begins at `start` ends. */
const endOfJson = (text: string, start: number): number => {
  let depth = 0
  let isQuoted = false
  for (let at = start; at < text.length; at++) {
    const char = text[at]
    if (isQuoted) {
      if (char === "\\") at += 1
      else if (char === '"') isQuoted = false
    } else if (char === '"') isQuoted = true
    else if (char === "{" || char === "[") depth += 1
    else if ((char === "}" || char === "]") && --depth === 0) return at + 1
  }
  return text.length
}
