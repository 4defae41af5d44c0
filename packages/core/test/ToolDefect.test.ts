/**
 * Defects of tools: they are logged, marked in the log of the execution, and fail the task if the
 * crew declares so.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Crew from "../src/Crew.ts"
import * as Crewline from "../src/Crewline.ts"
import * as EventLog from "../src/EventLog.ts"
import * as Tool from "../src/Tool.ts"
import * as Toolbox from "../src/Toolbox.ts"
import * as World from "./fake/World.ts"

const crew = (onToolDefect?: "fail") =>
  Crew.make({
    name: "broken",
    agents: { worker: { role: "Worker", goal: "Work" } },
    tasks: { work: { description: "Work.", expectedOutput: "Text.", tools: ["broken"] } },
    ...(onToolDefect === undefined ? {} : { onToolDefect })
  })

/** Throws the error of a misspelled name. */
const broken = Tool.make({
  name: "broken",
  description: "Breaks.",
  execute: () => {
    const found = new Map<string, { readonly items: ReadonlyArray<string> }>()
    try {
      return found.get("absent")!.items.length
    } catch (cause) {
      throw new TypeError("no items", { cause })
    }
  }
})

const deliberate = Tool.make({
  name: "broken",
  description: "Fails.",
  execute: () => Effect.fail(new Toolbox.ToolFailed({ message: "no such item" }))
})

const models = () => {
  const answers = World.script({ work: [World.calls(["broken", {}]), World.text("done")] })
  return World.llm(answers)
}

const run = (tool: Toolbox.Tool, onToolDefect?: "fail") => {
  const logged: Array<{ readonly message: string; readonly annotations: Readonly<Record<string, unknown>> }> = []
  const logger = Logger.make(({ fiber, message }) => {
    logged.push({ message: String(message), annotations: fiber.getRef(References.CurrentLogAnnotations) })
  })
  return Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const handle = yield* crewline.start(crew(onToolDefect))
    const exit = yield* Effect.result(handle.result)
    const events = yield* (yield* EventLog.EventLog).read(handle.id)
    return { exit, logged, called: events.find((event) => event.type === "ToolCalled")!, id: handle.id }
  }).pipe(
    Effect.provide(Crewline.layerLocal().pipe(Layer.provide([models(), Toolbox.layer([tool])]))),
    Effect.provide(Logger.layer([logger]))
  )
}

describe("a tool that throws", () => {
  it.effect("is logged with stack, cause and ids, marked in its event, and reported to the model", () =>
    Effect.gen(function* () {
      const { called, exit, id, logged } = yield* run(broken)
      assert.strictEqual(exit._tag, "Success")
      assert.include(called, { isFailure: true, isDefect: true })
      assert.strictEqual(logged.length, 1)
      const { annotations, message } = logged[0]!
      assert.match(message, /^The tool "broken" threw: TypeError: no items\n\s+at .*ToolDefect\.test\.ts/)
      assert.match(message, /cause\]: TypeError: Cannot read properties of undefined/)
      assert.deepStrictEqual(annotations, { executionId: id, taskId: "work", callId: "call_0" })
    })
  )

  it.effect("fails its task at once if the crew declares so, and the failure has the error as its cause", () =>
    Effect.gen(function* () {
      const { exit } = yield* run(broken, "fail")
      assert.isTrue(exit._tag === "Failure" && exit.failure._tag === "ExecutionFailed")
      if (exit._tag !== "Failure" || exit.failure._tag !== "ExecutionFailed") return
      assert.include(exit.failure, { code: "tool-defect", taskId: "work" })
      assert.match(exit.failure.message, /The tool "broken" threw: no items/)
      assert.instanceOf(exit.failure.cause, TypeError)
      assert.match(String((exit.failure.cause as Error).stack), /ToolDefect\.test\.ts/)
    })
  )

  it.effect("is different from one that returns a failure", () =>
    Effect.gen(function* () {
      const { called, exit, logged } = yield* run(deliberate, "fail")
      assert.strictEqual(exit._tag, "Success")
      assert.notProperty(called, "isDefect")
      assert.deepStrictEqual(logged, [])
    })
  )
})
