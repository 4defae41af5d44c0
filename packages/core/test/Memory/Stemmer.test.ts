import { expect, it } from "vitest"
import { stem } from "../../src/Memory/Stemmer.ts"

/** From the vocabulary published by Porter with the algorithm. */
it.each([
  ["caresses", "caress"],
  ["ponies", "poni"],
  ["cats", "cat"],
  ["feed", "feed"],
  ["agreed", "agre"],
  ["plastered", "plaster"],
  ["motoring", "motor"],
  ["conflated", "conflat"],
  ["hopping", "hop"],
  ["falling", "fall"],
  ["filing", "file"],
  ["happy", "happi"],
  ["sky", "sky"],
  ["relational", "relat"],
  ["conditional", "condit"],
  ["vietnamization", "vietnam"],
  ["hopefulness", "hope"],
  ["formality", "formal"],
  ["triplicate", "triplic"],
  ["goodness", "good"],
  ["adoption", "adopt"],
  ["effective", "effect"],
  ["probate", "probat"],
  ["controlling", "control"],
  ["yellow", "yellow"],
  ["straße", "straße"],
  ["ab", "ab"]
])("%s is %s", (word, expected) => {
  expect(stem(word)).toBe(expected)
})
