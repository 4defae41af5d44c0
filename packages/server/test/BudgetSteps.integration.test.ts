/**
 * Processes that die at each step of an ask about a budget: recorded calls are paid once, and each
 * limit is raised once.
 */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Database from "@crewline/memory-pg/Database"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Postgres from "./fake/Database.ts"

const { missing } = Postgres
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const program = fileURLToPath(new URL("fake/DyingInBudget.ts", import.meta.url))
const tasks = ["a", "b", "c", "d", "e"]

describe.skipIf(missing !== undefined)("a process that dies at any step of an ask about a budget", () => {
  const name = `crewline_budget_steps_${process.pid}`
  const url = Postgres.urlOf(name)
  let directory = ""
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "crewline-budget-"))
    await Postgres.sql(`create database ${name}`)
  })
  afterAll(async () => {
    await Postgres.sql(`drop database if exists ${name} with (force)`)
    await rm(directory, { recursive: true, force: true })
  })

  /** Whether the process reached that step. */
  const dies = async (when: string, nth: number): Promise<boolean> => {
    const child = spawn(process.execPath, [program, url, when, String(nth), join(directory, "calls")], {
      stdio: ["ignore", "ignore", "inherit"],
      // Starts are most of the work here.
      env: { ...process.env, NODE_COMPILE_CACHE: join(directory, "compiled") }
    })
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null]
    expect(signal ?? code).toBeOneOf(["SIGKILL", 0])
    return signal !== null
  }

  const read = Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    const all = new Map<string, ReadonlyArray<ExecutionEvent.ExecutionEvent>>()
    for (const { id } of yield* log.list({ limit: 1_000 })) all.set(id, yield* log.read(id))
    return all
  }).pipe(
    Effect.provide(PgEventLog.layer.pipe(Layer.provide(Database.layer({ kind: "server", url: Redacted.make(url) }))))
  )

  it("pays each recorded call once, and asks and raises each limit once", { timeout: 400_000 }, async () => {
    await writeFile(join(directory, "calls"), "")
    const deaths: Record<string, number> = {}
    for (const when of ["before", "call"]) {
      let nth = 1
      while (await dies(when, nth)) nth++
      deaths[when] = nth - 1
    }
    expect(await dies("", 0)).toBe(false)
    // In each of its calls, and between any two of its appends: refused but not asked, asked but
    // not answered, raised but not woken, woken but not called.
    expect(deaths).toEqual({ before: expect.any(Number), call: tasks.length })
    expect(deaths.before).toBeGreaterThan(8)
    const total = deaths.before! + deaths.call!

    const executions = await Effect.runPromise(read)
    expect(executions.size).toBe(total + 2)
    for (const [id, events] of executions) {
      const of = <Type extends ExecutionEvent.ExecutionEvent["type"]>(type: Type) =>
        events.filter(
          (event): event is Extract<ExecutionEvent.ExecutionEvent, { readonly type: Type }> => event.type === type
        )
      expect(events.at(-1), id).toMatchObject({ type: "ExecutionEnded", status: "completed" })
      expect(
        of("TurnCompleted")
          .map(({ taskId }) => taskId)
          .toSorted()
      ).toEqual(tasks)
      const answered = of("AskAnswered").map(({ ask }) => ask)
      expect(answered).toEqual(["budget/execution/0", "budget/execution/1"])
      // Several tasks refused at once share one ask.
      const asks = of("TaskSuspended").flatMap(({ asks = [] }) => asks.map((ask) => ask.id))
      expect([...new Set(asks)]).toEqual(answered)
      const raises = of("LimitRaised")
      expect(raises.map(({ ask, limits }) => [ask, limits.requests])).toEqual([
        ["budget/execution/0", 4],
        ["budget/execution/1", 9]
      ])
      for (const { seq } of raises) expect(events[seq - 2]).toMatchObject({ type: "AskAnswered" })
    }
    // An unrecorded call is repeated: at most one call per death and running task.
    const made = (await readFile(join(directory, "calls"), "utf8")).trim().split("\n")
    expect(made.length).toBeGreaterThanOrEqual(executions.size * tasks.length + deaths.call!)
    expect(made.length).toBeLessThanOrEqual(executions.size * tasks.length + 3 * total)
  })
})
