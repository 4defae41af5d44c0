/**
 * Thoughts that a server leaves in the text of an answer: `<think>…</think>` at its beginning and
 * what other models write instead. They are reasoning, and no part of the answer.
 */

import type * as Response from "effect/ai/Response"

/** How thoughts begin and end. */
const marks: ReadonlyArray<readonly [opening: string, closing: string]> = [
  ...["think", "thinking", "thought", "thoughts", "reasoning", "seed:think", "mm:think"].map(
    (tag) => [`<${tag}>`, `</${tag}>`] as const
  ),
  ["[think]", "[/think]"],
  ["◁think▷", "◁/think▷"],
  ["<|begin_of_thought|>", "<|end_of_thought|>"],
  ["<|start|>assistant<|channel|>analysis<|message|>", "<|channel|>final<|message|>"],
  ["<|channel|>analysis<|message|>", "<|channel|>final<|message|>"]
]

/**
 * Before the first of these, where nothing opened them, a model thought: its template had opened
 * them already.
 */
const lateClosings = ["</think>", "</thinking>", "[/think]", "◁/think▷"]

/** Channel marks that stand around the answer itself. */
const frame = /^\s*(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>|<\|(?:return|end|im_end|eot_id)\|>\s*$/g

export interface Split {
  readonly reasoning: string
  readonly text: string
}

/** The thoughts and the answer of a whole text. */
export const split = (whole: string): Split => {
  if (!mayThink(whole)) return { reasoning: "", text: whole }
  const thoughts: Array<string> = []
  let text = whole
  for (;;) {
    const start = text.length - text.trimStart().length
    const lower = text.slice(start, start + longest).toLowerCase()
    const mark = marks.find(([opening]) => lower.startsWith(opening))
    if (mark === undefined) break
    const [opening, closing] = mark
    const from = start + opening.length
    const end = indexOfMark(text, closing, from)
    thoughts.push(text.slice(from, end === -1 ? undefined : end).trim())
    text = end === -1 ? "" : text.slice(end + closing.length).trimStart()
  }
  if (thoughts.length === 0) {
    for (const closing of lateClosings) {
      const end = indexOfMark(text, closing, 0)
      // Quoted, it is what the answer is about.
      if (end === -1 || /["'`]$/.test(text.slice(0, end)) || indexOfMark(text, closing.replace("/", ""), 0) !== -1)
        continue
      return { reasoning: text.slice(0, end).trim(), text: text.slice(end + closing.length).trimStart() }
    }
  }
  return { reasoning: thoughts.filter((each) => each !== "").join("\n\n"), text: text.replace(frame, "") }
}

/** The parts of an answer, with the thoughts at the beginning of its text as reasoning. */
export const inParts = (parts: ReadonlyArray<Response.PartEncoded>): ReadonlyArray<Response.PartEncoded> => {
  const at = parts.findIndex(({ type }) => type === "text")
  const part = parts[at]
  if (part?.type !== "text" || !mayThink(part.text)) return parts
  const { reasoning, text } = split(part.text)
  if (text === part.text) return parts
  return [
    ...parts.slice(0, at),
    ...(reasoning === "" ? [] : [{ type: "reasoning" as const, text: reasoning }]),
    ...(text === "" ? [] : [{ ...part, text }]),
    ...parts.slice(at + 1)
  ]
}

/** Most answers have no mark at all. */
const mayThink = (text: string): boolean => text.includes("<") || text.includes("[") || text.includes("▷")

const longest = marks.reduce((most, [opening]) => Math.max(most, opening.length), 0)

const indexOfMark = (text: string, mark: string, from: number): number => {
  const at = text.indexOf(mark, from)
  return at === -1 ? text.toLowerCase().indexOf(mark, from) : at
}

/** Lets the pieces of a streamed answer through without the thoughts at its beginning. */
export class Gate {
  /**
   * What may be the beginning of a mark, or stands between two; undefined: the answer has begun.
   */
  #held: string | undefined = ""
  #closing: string | undefined
  #hasThought = false

  /** What of this piece is the answer. */
  take(piece: string): string {
    if (this.#held === undefined) return piece
    this.#held += piece
    for (;;) {
      if (this.#closing !== undefined) {
        const end = indexOfMark(this.#held, this.#closing, 0)
        if (end === -1) {
          // Only the beginning of a closing mark is still needed.
          this.#held = this.#held.slice(1 - this.#closing.length)
          return ""
        }
        this.#held = this.#held.slice(end + this.#closing.length)
        this.#closing = undefined
        this.#hasThought = true
      }
      const begun = this.#held.trimStart().slice(0, longest).toLowerCase()
      const mark = marks.find(([opening]) => begun.startsWith(opening))
      if (mark === undefined) return marks.some(([opening]) => opening.startsWith(begun)) ? "" : this.end()
      this.#held = this.#held.trimStart().slice(mark[0].length)
      this.#closing = mark[1]
    }
  }

  /** What was held back and is part of the answer after all. */
  end(): string {
    const held = this.#closing === undefined ? (this.#held ?? "") : ""
    this.#held = undefined
    return this.#hasThought ? held.trimStart() : held
  }
}
