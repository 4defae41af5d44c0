import type * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { maxBytes } from "../../src/Api/Page.ts"
import * as EventPage from "../../src/Http/EventPage.ts"

/** A log of one execution with events of these sizes, and how much of it was read. */
const logOf = (sizes: ReadonlyArray<number>) => {
  const read: Array<number> = []
  const events = sizes.map((size, index): ExecutionEvent.ExecutionEvent => {
    const event = { seq: index + 1, type: "SignalReceived", executionId: "exec_1", at: "", text: "x".repeat(size) }
    return event as never
  })
  const log: Pick<EventLog.EventLog["Service"], "read"> = {
    read: (_, options = {}) => {
      const after = options.after ?? 0
      const found = events.slice(after, after + (options.limit ?? events.length))
      read.push(found.length)
      return Effect.succeed(found)
    }
  }
  return { log, read }
}

const seqsOf = (page: EventPage.Page): ReadonlyArray<number> =>
  JSON.parse(EventPage.toJson(page)).items.map(({ seq }: { readonly seq: number }) => seq)

it("a page of large events ends at its limit of bytes and reads little more", async () => {
  const { log, read } = logOf(Array.from({ length: 300 }, () => 64_000))
  const seen: Array<number> = []
  let after: number | undefined = 0
  while (after !== undefined) {
    read.length = 0
    const page: EventPage.Page = await Effect.runPromise(EventPage.read(log, "exec_1", { after, limit: 1_000 }))
    expect(Buffer.byteLength(EventPage.toJson(page))).toBeLessThan(maxBytes + 1_000)
    expect(read.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(128)
    seen.push(...seqsOf(page))
    after = page.nextAfter
    expect(JSON.parse(EventPage.toJson(page)).nextAfter).toBe(after)
  }
  expect(seen).toEqual(Array.from({ length: 300 }, (_, index) => index + 1))
})

it("a page has at least one event, however large", async () => {
  const { log } = logOf([2 * maxBytes, 10])
  const page = await Effect.runPromise(EventPage.read(log, "exec_1", { after: 0, limit: 10 }))
  expect(seqsOf(page)).toEqual([1])
  expect(page.nextAfter).toBe(1)
})

it.each([
  [1, 1, 1, undefined],
  [300, 300, 300, undefined],
  [301, 300, 300, 300],
  [0, 5, 0, undefined],
  [256, 255, 255, 255]
])("of %i small events a page of %i holds %i", async (count, limit, held, nextAfter) => {
  const { log } = logOf(Array.from({ length: count }, () => 1))
  const page = await Effect.runPromise(EventPage.read(log, "exec_1", { after: 0, limit }))
  expect(page.items).toHaveLength(held)
  expect(page.nextAfter).toBe(nextAfter)
})
