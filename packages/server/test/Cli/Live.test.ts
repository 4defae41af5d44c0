import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Live from "../../src/Cli/Live.ts"
import * as Output from "../../src/Cli/Output.ts"
import { answer, begin, complete, say, stamp, started, task, usage } from "./Story.ts"

const stream = (isTTY: boolean) => {
  let written = ""
  return { isTTY, columns: 60, rows: 20, write: (text: string) => void (written += text), take: () => written }
}

const world = (isTTY: boolean, env: Record<string, string> = {}) => {
  const stdout = stream(isTTY)
  const stderr = stream(isTTY)
  return { stdout, stderr, layer: Output.layer({ stdout, stderr, env }) }
}

const events = stamp([
  started([task("gather")]),
  begin("gather"),
  say("gather", "Otters hold hands", 0),
  answer("gather", { text: "Otters hold hands" }),
  complete("gather"),
  { type: "ExecutionEnded", status: "completed", usage: usage(100, 20) }
])

describe("Live", () => {
  it.effect("writes one line per stored event to stderr without a terminal, and nothing to stdout", () => {
    const { layer, stderr, stdout } = world(false)
    return Effect.gen(function* () {
      const view = yield* Live.show(Stream.fromIterable(events), { json: false })
      expect(view.status).toBe("completed")
      expect(stderr.take().split("\n")).toHaveLength(6)
      expect(stderr.take()).not.toContain("\u001b")
      expect(stdout.take()).toBe("")
    }).pipe(Effect.provide(layer))
  })

  it.effect("writes the stored events as JSON lines to stdout on request", () => {
    const { layer, stderr, stdout } = world(true)
    return Effect.gen(function* () {
      yield* Live.show(Stream.fromIterable(events), { json: true })
      const lines = stdout.take().trimEnd().split("\n")
      expect(lines.map((line) => JSON.parse(line).seq)).toEqual([1, 2, 3, 4, 5])
      expect(stderr.take()).toBe("")
    }).pipe(Effect.provide(layer))
  })

  it.effect("draws while the execution runs, and leaves the last picture", () => {
    const { layer, stderr } = world(true, { NO_COLOR: "1" })
    return Effect.gen(function* () {
      const queue = yield* Queue.unbounded<ExecutionEvent.Followed>()
      const shown = yield* Effect.forkChild(
        Live.show(Stream.take(Stream.fromQueue(queue), events.length), { json: false })
      )
      yield* Queue.offerAll(queue, events.slice(0, 3))
      yield* TestClock.adjust("200 millis")
      expect(stderr.take()).toContain("Otters hold hands")
      expect(stderr.take()).toContain("gather")
      yield* Queue.offerAll(queue, events.slice(3))
      yield* Fiber.join(shown)
      expect(stderr.take()).toMatch(/✔ gather[^]*completed {2}1 of 1 tasks/)
      expect(stderr.take()).toContain("\u001b[?25h")
      // Cursor movement only: NO_COLOR forbids styles.
      // eslint-disable-next-line no-control-regex
      expect(stderr.take()).not.toMatch(/\u001b\[[\d;]*m/)
    }).pipe(Effect.provide(layer))
  })

  it.effect("keeps log lines off stdout, and above the drawn block", () => {
    const { layer, stderr, stdout } = world(true)
    return Effect.gen(function* () {
      const shown = yield* Effect.forkChild(
        Live.show(Stream.concat(Stream.fromIterable(events.slice(0, 2)), Stream.never), { json: false })
      )
      yield* TestClock.adjust("200 millis")
      const before = stderr.take().length
      yield* Effect.logWarning("the database is slow")
      const logged = stderr.take().slice(before)
      // The block is cleared, the text written, and the block drawn again below it.
      expect(logged).toMatch(/\d+A[^]*the database is slow[^]*\n[^]*planets[^]*gather/)
      expect(stdout.take()).toBe("")
      yield* Fiber.interrupt(shown)
    }).pipe(Effect.provide(layer))
  })

  it.effect("uses colours in a terminal unless NO_COLOR is set, and none on a dumb one", () =>
    Effect.gen(function* () {
      const hasColor = (isTTY: boolean, env: Record<string, string>) =>
        Effect.map(Output.Output, ({ paint }) => paint([{ text: "x", style: "good" }]) !== "x").pipe(
          Effect.provide(world(isTTY, env).layer)
        )
      expect(yield* hasColor(true, {})).toBe(true)
      expect(yield* hasColor(true, { NO_COLOR: "1" })).toBe(false)
      expect(yield* hasColor(true, { TERM: "dumb" })).toBe(false)
      expect(yield* hasColor(false, {})).toBe(false)
      expect(yield* hasColor(false, { FORCE_COLOR: "1" })).toBe(true)
    })
  )
})
