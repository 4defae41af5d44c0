/** Conversations of LoCoMo with their questions, and how much of the evidence is found. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"

export interface Turn {
  readonly id: string
  readonly session: string
  readonly speaker: string
  /** With the caption of the picture that was sent. */
  readonly text: string
  /** ISO 8601. */
  readonly saidAt: string
}

interface Question {
  readonly text: string
  readonly category: number
  /** Ids of turns. */
  readonly evidence: ReadonlyArray<string>
}

export interface Conversation {
  readonly name: string
  readonly turns: ReadonlyArray<Turn>
  readonly questions: ReadonlyArray<Question>
}

/** Ids of turns for each question, the best first. */
export type Ask = (
  conversation: Conversation
) => Effect.Effect<ReadonlyArray<ReadonlyArray<string>>, Error, Scope.Scope>

interface Sample {
  readonly sample_id?: string
  readonly conversation: { readonly [key: string]: unknown }
  readonly qa: ReadonlyArray<{
    readonly question: string
    readonly category: number
    readonly evidence?: ReadonlyArray<string>
  }>
}

interface SpokenTurn {
  readonly dia_id: string
  readonly speaker: string
  readonly text: string
  readonly blip_caption?: string
}

const months = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december"
]

/** "1:56 pm on 8 May, 2023". */
const timeOf = (text: string): string => {
  const [, hour = "", minute = "", half, day = "", month = "", year = ""] =
    /(\d+):(\d+) (am|pm) on (\d+) (\w+),? (\d+)/.exec(text) ?? []
  const hours = (Number(hour) % 12) + (half === "pm" ? 12 : 0)
  return new Date(
    Date.UTC(Number(year), months.indexOf(month.toLowerCase()), Number(day), hours, Number(minute))
  ).toISOString()
}

const turnsOf = (conversation: Sample["conversation"]): ReadonlyArray<Turn> => {
  const turns: Array<Turn> = []
  for (let number = 1; ; number++) {
    const session = conversation[`session_${number}`]
    if (session === undefined) return turns
    const saidAt = timeOf(String(conversation[`session_${number}_date_time`]))
    for (const { blip_caption, dia_id, speaker, text } of session as ReadonlyArray<SpokenTurn>)
      turns.push({
        id: dia_id,
        session: String(number),
        speaker,
        text: blip_caption === undefined ? text : `${text} [${blip_caption}]`,
        saidAt
      })
  }
}

export const read = (file: string): ReadonlyArray<Conversation> =>
  (JSON.parse(readFileSync(file, "utf8")) as ReadonlyArray<Sample>).map(({ conversation, qa, sample_id }, index) => ({
    name: sample_id ?? String(index),
    turns: turnsOf(conversation),
    questions: qa
      .map(({ category, evidence = [], question }) => ({
        text: question,
        category,
        // Some labels hold several ids.
        evidence: [...new Set(evidence.flatMap((ids) => ids.split(/[;,\s]+/)).filter((id) => id !== ""))]
      }))
      .filter(({ evidence }) => evidence.length > 0)
  }))

export interface Figures {
  readonly category: string
  readonly recallAt5: number
  readonly recallAt10: number
  readonly recallAt50: number
  /** Share of questions with any evidence among the first ten. */
  readonly hitAt10: number
  readonly questions: number
  readonly [figure: string]: string | number
}

const recallAt = (count: number, evidence: ReadonlyArray<string>, found: ReadonlyArray<string>): number => {
  const first = new Set(found.slice(0, count))
  return evidence.filter((id) => first.has(id)).length / evidence.length
}

export const measure = Effect.fnUntraced(function* (conversations: ReadonlyArray<Conversation>, ask: Ask) {
  const answered = yield* Effect.forEach(conversations, (conversation) =>
    Effect.map(ask(conversation), (found) =>
      conversation.questions.map((question, index) => ({ ...question, found: found[index]! }))
    )
  )
  const all = answered.flat()
  const categories: ReadonlyArray<readonly [string, (category: number) => boolean]> = [
    ...[1, 2, 3, 4, 5].map((number) => [String(number), (category: number) => category === number] as const),
    ["all", () => true],
    ["1-4", (category) => category < 5]
  ]
  return categories.flatMap(([category, isOf]): ReadonlyArray<Figures> => {
    const asked = all.filter((question) => isOf(question.category))
    if (asked.length === 0) return []
    const average = (figure: (question: (typeof asked)[number]) => number) =>
      Math.round((asked.reduce((sum, question) => sum + figure(question), 0) / asked.length) * 10_000) / 10_000
    return [
      {
        category,
        recallAt5: average(({ evidence, found }) => recallAt(5, evidence, found)),
        recallAt10: average(({ evidence, found }) => recallAt(10, evidence, found)),
        recallAt50: average(({ evidence, found }) => recallAt(50, evidence, found)),
        hitAt10: average(({ evidence, found }) => (recallAt(10, evidence, found) > 0 ? 1 : 0)),
        questions: asked.length
      }
    ]
  })
})
