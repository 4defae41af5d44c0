import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import * as Lines from "../../src/Cli/Lines.ts"

describe("lines of the log", () => {
  const written: Array<string> = []
  let scope: Scope.Closeable
  let lines: Lines.Lines
  beforeEach(async () => {
    vi.useFakeTimers()
    written.length = 0
    scope = Scope.makeUnsafe()
    lines = await Effect.runPromise(
      Scope.provide(
        Lines.make((text) => written.push(text)),
        scope
      )
    )
  })
  afterEach(async () => {
    vi.useRealTimers()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })

  it("are written together after a moment", () => {
    lines.add("a", false)
    lines.add("b", false)
    expect(written).toEqual([])
    vi.advanceTimersByTime(5)
    expect(written).toEqual(["a\nb\n"])
    vi.advanceTimersByTime(1_000)
    expect(written).toHaveLength(1)
  })

  it("are written immediately and in order when one is urgent", () => {
    lines.add("a", false)
    lines.add("b", true)
    expect(written).toEqual(["a\nb\n"])
  })

  it("are written when many are collected", () => {
    const line = "x".repeat(1_000)
    for (let n = 0; n < 1_000; n++) lines.add(line, false)
    expect(written.length).toBeGreaterThan(10)
    expect(Math.max(...written.map(({ length }) => length))).toBeLessThan(70 * 1_024)
  })

  it("are written when their scope closes", async () => {
    lines.add("a", false)
    await Effect.runPromise(Scope.close(scope, Exit.void))
    expect(written).toEqual(["a\n"])
  })
})

/** A process that logs a hundred lines and then ends in some way. */
const script = (end: string) => `
  import * as Output from ${JSON.stringify(new URL("../../src/Cli/Output.ts", import.meta.url).href)}
  import * as Effect from ${JSON.stringify(import.meta.resolve("effect/Effect"))}
  Effect.runFork(Effect.provide(Effect.gen(function* () {
    const { line } = yield* Output.Output
    for (let n = 0; n < 100; n++) line("line " + n, false)
    ${end}
    yield* Effect.never
  }), Output.layer(process)))`
const node = ["--input-type=module", "--eval"]
const all = Array.from({ length: 100 }, (_, n) => `line ${n}\n`).join("")

describe("a process", { timeout: 60_000 }, () => {
  it.each([
    ["exits", "process.exit(3)", 3],
    ["throws what nothing catches", "setImmediate(() => { throw new Error('thrown') })", 1]
  ])("that %s has written all lines, in order", (_, end, code) => {
    const ended = spawnSync(process.execPath, [...node, script(end)], { encoding: "utf8" })
    expect(ended.stderr.replace(/^(?!line ).*\n/gm, "")).toBe(all)
    expect(ended.status).toBe(code)
  })

  it("continues after the reader of its log has exited", async () => {
    const end = 'process.stdin.once("data", () => { line("late", true); setTimeout(() => console.log("alive"), 50) })'
    const child = spawn(process.execPath, [...node, script(end)], { stdio: "pipe" })
    await once(child.stderr, "data")
    child.stderr.destroy()
    await once(child.stderr, "close")
    child.stdin.write("go on")
    const [said] = (await Promise.race([once(child.stdout, "data"), once(child, "exit")])) as [Buffer | number]
    expect(String(said)).toBe("alive\n")
    child.kill()
  })
})
