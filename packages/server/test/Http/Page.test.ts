import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { maxBytes } from "../../src/Api/Page.ts"
import * as Page from "../../src/Http/Page.ts"

const itemsOf = (sizes: ReadonlyArray<number>) =>
  sizes.map((size, index) => ({ id: `i${index}`, text: "ü".repeat(size / 2) }))

/** The pages of a list, from the first to the last. */
const pagesOf = async (items: ReturnType<typeof itemsOf>, limit: number) => {
  const pages: Array<ReadonlyArray<string>> = []
  let cursor: string | undefined
  do {
    const page = await Effect.runPromise(
      Page.read({ limit, ...(cursor !== undefined && { cursor }) }, (request) => {
        const first = items.findIndex(({ id }) => id === request.before) + 1
        return Effect.succeed(items.slice(first, first + request.limit))
      })
    )
    if (page.items.length > 1) expect(Buffer.byteLength(JSON.stringify(page.items))).toBeLessThan(maxBytes + 1_000)
    pages.push(page.items.map(({ id }) => id))
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return pages
}

it("a page has fewer items if they are large, and a cursor to the others", async () => {
  const third = Math.floor(maxBytes / 3)
  expect(await pagesOf(itemsOf([third, third, third, third, 2, 2]), 10)).toEqual([
    ["i0", "i1"],
    ["i2", "i3", "i4", "i5"]
  ])
})

it("a page has at least one item, however large", async () => {
  expect(await pagesOf(itemsOf([2 * maxBytes, 2, 2 * maxBytes]), 10)).toEqual([["i0"], ["i1"], ["i2"]])
})

it("small items are limited only by number", async () => {
  expect(await pagesOf(itemsOf([2, 2, 2, 2]), 2)).toEqual([
    ["i0", "i1"],
    ["i2", "i3"]
  ])
})
