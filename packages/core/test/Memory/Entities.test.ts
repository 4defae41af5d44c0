import { describe, expect, it } from "vitest"
import * as Entities from "../../src/Memory/Entities.ts"
import { first, type Labelled, second } from "./EntitySentences.ts"
import { business, news, type Ordinary, technical, unseen } from "./OrdinarySentences.ts"

const keysOf = (names: ReadonlyArray<string>) => new Set(names.map(Entities.keyOf))

/** How many names are found, how many of these are right, and how many there are. */
const measure = (sentences: ReadonlyArray<Labelled & Partial<Ordinary>>) => {
  let [found, right, labelled] = [0, 0, 0]
  const wrong: Array<string> = []
  for (const { aliases = {}, names, text } of sentences) {
    const expected = keysOf(names)
    const got = keysOf(Entities.inText(text).map(({ name }) => name))
    for (const alias of keysOf(Object.values(aliases))) got.delete(alias)
    found += got.size
    labelled += expected.size
    for (const name of got) {
      if (expected.has(name)) right++
      else wrong.push(`+ ${name}: ${text}`)
    }
    for (const name of expected) if (!got.has(name)) wrong.push(`- ${name}: ${text}`)
  }
  return { precision: right / found, recall: right / labelled, labelled, wrong }
}

/** Of aliases, or of descriptions: pairs of a name and something that is said of it. */
const measurePairs = (
  sentences: ReadonlyArray<Ordinary>,
  pairsIn: (found: ReturnType<typeof Entities.inText>[number]) => ReadonlyArray<string>,
  labelled: (sentence: Ordinary) => Readonly<Record<string, string>>
) => {
  let [found, right, all] = [0, 0, 0]
  for (const sentence of sentences) {
    const expected = new Map(Object.entries(labelled(sentence)).map(([name, word]) => [Entities.keyOf(name), word]))
    all += expected.size
    for (const mention of Entities.inText(sentence.text))
      for (const text of pairsIn(mention)) {
        found++
        const word = expected.get(Entities.keyOf(mention.name))
        if (word !== undefined && text.includes(word)) right++
      }
  }
  return { precision: right / found, recall: right / all, labelled: all }
}

const share = (value: number) => value.toFixed(3)

describe("Entities", () => {
  it.each([
    ["the first half, by which the rules were improved", first, 0.95, 0.95],
    ["the second half", second, 0.9, 0.9]
  ] as const)("finds the names in %s of 100 sentences", (half, sentences, leastPrecision, leastRecall) => {
    const { labelled, precision, recall, wrong } = measure(sentences)
    process.stdout.write(`entities in ${half}: precision ${share(precision)}, recall ${share(recall)} of ${labelled}\n`)
    const missing = wrong.join("\n")
    expect(precision, missing).toBeGreaterThanOrEqual(leastPrecision)
    expect(recall, missing).toBeGreaterThanOrEqual(leastRecall)
    expect(sentences).toHaveLength(50)
  })

  it.each([
    ["100 ordinary sentences", [...business, ...news, ...technical], 0.92, 0.95],
    ["40 sentences that the rules were not improved by", unseen, 0.87, 0.95]
  ] as const)("finds names, aliases and descriptions in %s", (set, sentences, leastPrecision, leastRecall) => {
    const names = measure(sentences)
    const aliases = measurePairs(
      sentences,
      ({ aliases = [] }) => aliases,
      ({ aliases = {} }) => aliases
    )
    const descriptions = measurePairs(
      sentences,
      ({ description }) => (description === undefined ? [] : [description]),
      ({ described = {} }) => described
    )
    for (const [what, { labelled, precision, recall }] of Object.entries({ names, aliases, descriptions }))
      process.stdout.write(`${what} in ${set}: precision ${share(precision)}, recall ${share(recall)} of ${labelled}\n`)
    expect(names.precision, names.wrong.join("\n")).toBeGreaterThanOrEqual(leastPrecision)
    expect(names.recall, names.wrong.join("\n")).toBeGreaterThanOrEqual(leastRecall)
    for (const { precision, recall } of [aliases, descriptions]) {
      expect(precision).toBeGreaterThanOrEqual(0.75)
      expect(recall).toBeGreaterThanOrEqual(0.8)
    }
  })
})
