/**
 * Finds tools by what they do: the words of their names, descriptions and arguments, ranked as
 * memories are. Pure and deterministic: the same tools and query give the same order.
 */
import * as Predicate from "effect/Predicate"
import { Ranking, Terms } from "./Memory.ts"
import type { Tool } from "./Toolbox.ts"

/** Tools with a word of the query, the best match first; of equal matches, by name. */
export const find = (tools: Iterable<Tool>, query: string): ReadonlyArray<Tool> => {
  const documents = new Map<Tool, Terms.Document>()
  const lengths = new Map<Tool, number>()
  let words = 0
  for (const tool of tools) {
    const document = documentOf(tool)
    documents.set(tool, document)
    lengths.set(tool, document.length)
    words += document.length
  }
  const frequencies = new Map<string, ReadonlyMap<Tool, number>>()
  const weights = new Map<string, number>()
  for (const term of Terms.ofQuery(spaced(query))) {
    const holders = new Map<Tool, number>()
    for (const [tool, { weights: terms }] of documents) {
      const frequency = terms.get(term)
      if (frequency !== undefined) holders.set(tool, frequency)
    }
    frequencies.set(term, holders)
    weights.set(term, Ranking.weightOf(documents.size, holders.size))
  }
  const scores = Ranking.scores(frequencies, weights, { lengths, average: words / documents.size })
  return [...scores]
    .sort(([one, score], [other, otherScore]) => otherScore - score || (one.name < other.name ? -1 : 1))
    .map(([tool]) => tool)
}

/** Made once for each tool: a registry is searched often. */
const knownDocuments = new WeakMap<Tool, Terms.Document>()

const documentOf = (tool: Tool): Terms.Document => {
  const known = knownDocuments.get(tool)
  if (known !== undefined) return known
  const { description, name, parameters } = tool
  const described = Object.entries(Object(parameters["properties"])).flatMap(([argument, schema]) => [
    spaced(argument),
    Predicate.isReadonlyObject(schema) && typeof schema["description"] === "string" ? schema["description"] : ""
  ])
  // The name says most exactly what a tool does: it counts twice.
  const words = spaced(name)
  const document = Terms.ofText([words, words, description, ...described].join("\n"))
  knownDocuments.set(tool, document)
  return document
}

/** The words of `getUserName` apart. */
const spaced = (name: string): string => name.replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, "$1 $2")
