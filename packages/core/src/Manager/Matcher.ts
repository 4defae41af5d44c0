/**
 * Which agent fits a task best, without a model: by its tools, and by the words that it has in
 * common with the task.
 */
import type * as Plan from "../Plan.ts"

const word = /[\p{L}\p{N}]{4,}/gu

/** Without the most common endings, so that "research", "researcher" and "researching" are one. */
const stem = (text: string): string => text.replace(/(?:ings?|ers?|ed|es|s|ly)$/, "")

const wordsOf = (...texts: ReadonlyArray<string>): ReadonlySet<string> =>
  new Set(texts.flatMap((text) => text.toLowerCase().match(word) ?? []).map(stem))

/** What an agent that has a tool which the task names is worth, in words. */
const toolWeight = 10

/** The best of the candidates of a frame; of equals the first in declared order. */
export const best = ({ agents }: Plan.Plan, task: Plan.PlannedTask): string => {
  const wanted = wordsOf(task.title ?? task.id, task.description, task.expectedOutput)
  const { candidates, tools = [] } = task.frame!
  const scored = candidates.map((name) => {
    const { backstory, goal, role, tools: own = [] } = agents[name]!
    const words = wordsOf(name, role, goal, backstory, own.join(" "))
    const common = [...wanted].filter((each) => words.has(each)).length
    return { name, score: common + toolWeight * tools.filter((tool) => own.includes(tool)).length }
  })
  return scored.reduce((a, b) => (b.score > a.score ? b : a)).name
}
