import { describe, expect, it } from "vitest"
import * as Entities from "../../src/Memory/Entities.ts"
import { first, type Labelled, second } from "./EntitySentences.ts"

const keysOf = (names: ReadonlyArray<string>) => new Set(names.map(Entities.keyOf))

/** How many names are found, how many of these are right, and how many there are. */
const measure = (sentences: ReadonlyArray<Labelled>) => {
  let [found, right, labelled] = [0, 0, 0]
  const wrong: Array<string> = []
  for (const { names, text } of sentences) {
    const expected = keysOf(names)
    const got = keysOf(Entities.inText(text).map(({ name }) => name))
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
})
