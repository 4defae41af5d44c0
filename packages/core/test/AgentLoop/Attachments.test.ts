import { assert, describe, it } from "@effect/vitest"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Crewline from "../../src/Crewline.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import * as LocalTaskQueue from "../../src/LocalTaskQueue.ts"
import * as Workspace from "../../src/Workspace.ts"
import * as World from "../fake/World.ts"

/**
 * Runs one task with these attachments; answers its view, its events as the log has them, and what
 * the model was asked.
 */
const run = (
  attachments: ReadonlyArray<Plan.PlannedAttachment>,
  answers: ReadonlyArray<Llm.Answer | World.Reply>,
  files: { readonly [path: string]: Uint8Array }
) => {
  const asked: Array<Llm.Request> = []
  const reads: Array<string> = []
  const workspace = Layer.succeed(
    Workspace.Workspace,
    Workspace.shared({
      ...Workspace.none,
      read: (path) => {
        reads.push(path)
        const bytes = files[path]
        return bytes === undefined
          ? Effect.fail(new Workspace.WorkspaceError({ path, description: "does not exist in the workspace" }))
          : Effect.succeed(bytes)
      }
    })
  )
  const world = Crewline.layer({ keepResults: true }).pipe(
    Layer.provideMerge(LocalEventLog.layerLocal),
    Layer.provide([
      LocalTaskQueue.layerLocal,
      workspace,
      World.llm(World.script({ a: answers }), asked),
      World.toolbox(World.tool("look", () => Effect.succeed("seen")))
    ])
  )
  return Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const retry = { attempts: 2, initialMillis: 1, factor: 1, maxMillis: 1 }
    const handle = yield* crewline.startPlan(World.plan({ a: { retry, tools: ["look"], attachments } }))
    const fiber = yield* Effect.forkChild(Stream.runCollect(handle.events))
    for (let step = 0; step < 50 && fiber.pollUnsafe() === undefined; step++) yield* TestClock.adjust(100)
    const events = yield* Fiber.join(fiber)
    return { task: (yield* crewline.get(handle.id)).tasks["a"]!, log: JSON.stringify(events), asked, reads }
  }).pipe(Effect.provide(world))
}

/** The parts of the message that holds the task. */
const shown = ({ messages }: Llm.Request) => {
  const message = messages[1] as Prompt.UserMessageEncoded
  return message.content as ReadonlyArray<Prompt.UserMessagePartEncoded>
}

describe("Attachments", () => {
  it.effect("are shown to the model in every turn, and their bytes are in no event", () =>
    Effect.gen(function* () {
      const bytes = new Uint8Array(100_000).map((_, index) => (index * 7) % 251)
      const base64 = Buffer.from(bytes).toString("base64")
      const { asked, log, reads, task } = yield* run(
        [
          { file: "chart.png", mediaType: "image/png", name: "chart.png" },
          { url: "https://example.com/a.pdf", mediaType: "application/pdf", name: "a.pdf" },
          { url: "data:image/png;base64,AQID", mediaType: "image/png" },
          { file: "notes.md", mediaType: "text/markdown", name: "notes.md" }
        ],
        [World.calls(["look", {}]), World.text("A chart.")],
        { "chart.png": bytes, "notes.md": new TextEncoder().encode("Ökologie") }
      )
      assert.strictEqual(task.output, "A chart.")
      assert.strictEqual(asked.length, 2)
      for (const request of asked) {
        const [text, ...files] = shown(request)
        assert.include(text?.type === "text" ? text.text : "", "- chart.png (image/png)\n- a.pdf (application/pdf)")
        assert.deepStrictEqual(files, [
          { type: "file", mediaType: "image/png", data: base64, fileName: "chart.png" },
          { type: "file", mediaType: "application/pdf", data: "https://example.com/a.pdf", fileName: "a.pdf" },
          { type: "file", mediaType: "image/png", data: "AQID" },
          { type: "text", text: '<file name="notes.md">\nÖkologie\n</file>' }
        ])
      }
      // Once for both turns, and as the same message: its tokens are counted once.
      assert.deepStrictEqual(reads, ["chart.png", "notes.md"])
      assert.strictEqual(asked[0]!.messages[1], asked[1]!.messages[1])
      assert.notInclude(log, base64.slice(0, 50))
      assert.isBelow(log.length, 10_000)
      assert.include(log, '"data":"attachment:0"')
    })
  )

  it.effect("that are not there fail the task at once, with the name of the file", () =>
    Effect.gen(function* () {
      const { asked, task } = yield* run([{ file: "chart.png", mediaType: "image/png" }], [], {})
      assert.strictEqual(task.status, "failed")
      assert.strictEqual(task.attempts, 1)
      assert.strictEqual(task.error!.code, "attachment")
      assert.include(task.error!.message, "chart.png: does not exist in the workspace")
      assert.strictEqual(asked.length, 0)
    })
  )

  it.effect("are read anew by an attempt that goes on after recorded turns", () =>
    Effect.gen(function* () {
      const busy = World.refuse(new Llm.Overloaded({ description: "busy" }))
      const { asked, reads, task } = yield* run(
        [{ file: "a.png", mediaType: "image/png" }],
        [World.calls(["look", {}]), busy, World.text("Fine.")],
        { "a.png": new Uint8Array([1, 2, 3]) }
      )
      assert.strictEqual(task.output, "Fine.")
      assert.deepStrictEqual(reads, ["a.png", "a.png"])
      assert.deepStrictEqual(shown(asked[2]!)[1], { type: "file", mediaType: "image/png", data: "AQID" })
    })
  )
})
