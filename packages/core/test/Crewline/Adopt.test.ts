/** Executions that need functions of their crew, and what becomes of outputs. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { z } from "zod"
import * as Crew from "../../src/Crew.ts"
import * as Workspace from "../../src/Workspace.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"
import { inMemory, seconds } from "../fake/InMemory.ts"

const agents = { agent: { role: "Agent", goal: "Test", backstory: "None" } } as const
const task = { expectedOutput: "Something.", agent: "agent" } as const

const checked = (name: string) =>
  Crew.make({
    name,
    agents,
    tasks: {
      a: { ...task, description: "Do a.", guardrails: [(text: string) => (text === "good" ? true : "not good")] },
      b: { ...task, description: "Do b.", context: ["a"] }
    }
  })

describe("adopt", () => {
  it.effect("gives a process the functions without which it leaves an execution alone", () =>
    inMemory(
      Effect.gen(function* () {
        const first = yield* Process.start({ model: World.llm(() => Effect.never) })
        const { id } = yield* first.crewline.start(checked("needs code"))
        yield* TestClock.adjust(1)
        yield* first.close

        const answers = { a: [World.text("bad"), World.text("good")], b: [World.text("done")] }
        const second = yield* Process.start({ model: World.llm(World.script(answers)) })
        yield* seconds(20)
        assert.strictEqual((yield* second.crewline.get(id)).status, "running")
        assert.deepStrictEqual(yield* second.worker.running, [])
        const handle = yield* second.crewline.adopt(id, checked("needs code"))
        assert.isTrue(handle.existing)
        yield* seconds(1)
        assert.strictEqual((yield* handle.result).output, "done")
        assert.strictEqual((yield* second.crewline.get(id)).tasks["a"]!.output, "good")
      })
    )
  )

  it.effect("on one that runs here, or has ended, is only another handle", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({
          model: World.llm(() => Effect.delay(Effect.succeed(World.text("done")), 500))
        })
        const { id } = yield* crewline.startPlan(World.plan({ a: {} }))
        const during = yield* crewline.adopt(id)
        const result = yield* Effect.forkChild(during.result)
        yield* seconds(1)
        assert.strictEqual((yield* Fiber.join(result)).output, "done")
        const after = yield* crewline.adopt(id)
        assert.strictEqual((yield* after.result).output, "done")
        assert.strictEqual((yield* crewline.get(id)).usage.requests, 1)
      })
    )
  )

  it.effect("takes nothing away from a process that is alive", () =>
    inMemory(
      Effect.gen(function* () {
        const here = yield* Process.start({ model: World.llm(() => Effect.never) })
        const there = yield* Process.start({})
        const { id } = yield* here.crewline.startPlan(World.plan({ a: {} }))
        yield* seconds(1)
        yield* there.crewline.adopt(id)
        yield* seconds(30)
        assert.strictEqual((yield* there.crewline.get(id)).tasks["a"]!.status, "running")
        assert.strictEqual((yield* here.worker.running).length, 1)
      })
    )
  )
})

describe("the result", () => {
  it.effect("of several final tasks is decoded by their schemas, each under its name", () =>
    inMemory(
      Effect.gen(function* () {
        const crew = Crew.make({
          name: "two ends",
          agents,
          tasks: {
            day: { ...task, description: "Say the day.", output: z.object({ at: z.iso.date() }) },
            plain: { ...task, description: "Say anything." },
            nothing: { ...task, description: "Say no.", when: { task: "plain", contains: "absent" } }
          }
        })
        const { crewline } = yield* Process.start({
          model: World.llm((request) =>
            World.text(request.caller!.taskId === "day" ? '```json\n{"at":"2026-11-22"}\n```' : "text")
          )
        })
        const handle = yield* crewline.start(crew)
        yield* seconds(1)
        const { output } = yield* handle.result
        assert.deepStrictEqual(output as object, { day: { at: "2026-11-22" }, nothing: null })
      })
    )
  )
})

describe("an output file", () => {
  const files = new Map<string, string>()
  const workspace = Layer.succeed(
    Workspace.Workspace,
    Workspace.shared({
      ...Workspace.none,
      write: (path, content) =>
        path === "full.md"
          ? Effect.fail(new Workspace.WorkspaceError({ path, description: "no space left" }))
          : Effect.sync(() => void files.set(path, String(content)))
    })
  )

  it.effect("is written before the task is completed, and named by it", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({ workspace, model: World.llm(() => World.text("# Report")) })
        const { id } = yield* crewline.startPlan(World.plan({ a: { outputFile: "report.md" } }))
        yield* seconds(1)
        assert.strictEqual((yield* crewline.get(id)).tasks["a"]!.outputFile, "report.md")
        assert.strictEqual(files.get("report.md"), "# Report")
      })
    )
  )

  it.effect("that cannot be written fails the task, whose answer is kept", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({ workspace, model: World.llm(() => World.text("# Report")) })
        const { id } = yield* crewline.startPlan(World.plan({ a: { outputFile: "full.md" } }))
        yield* seconds(1)
        const view = yield* crewline.get(id)
        assert.strictEqual(view.error!.code, "output-file")
        assert.include(view.error!.message, "full.md: no space left")
        assert.strictEqual(view.usage.requests, 1)
      })
    )
  )
})
