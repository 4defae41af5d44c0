/**
 * A crew whose task has a picture and a file of text runs on every provider: the server is sent the
 * bytes of the picture, and the log holds none of them.
 */
import * as Crew from "@crewline/core/Crew"
import type { Followed } from "@crewline/core/ExecutionEvent"
import * as Crewline from "@crewline/core/Crewline"
import type * as Llm from "@crewline/core/Llm"
import * as LocalEventLog from "@crewline/core/LocalEventLog"
import * as LocalTaskQueue from "@crewline/core/LocalTaskQueue"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Workspace from "@crewline/core/Workspace"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Providers from "../../src/Providers.ts"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { anthropic } from "./AnthropicSubject.ts"
import { ollama } from "./OllamaSubject.ts"
import { compatible, openAi } from "./OpenAiSubject.ts"
import { answerWith } from "./Subject.ts"

const crewlineOn = (llm: Layer.Layer<Llm.Llm>, workspace: Layer.Layer<Workspace.Workspace>) =>
  Crewline.layer().pipe(
    Layer.provide([llm, workspace, Toolbox.layer([]), LocalEventLog.layerLocal, LocalTaskQueue.layerLocal])
  )

const crew = Crew.make({
  name: "look",
  agents: { a: { role: "Viewer", goal: "Say what is to be seen", model: "some/model" } },
  tasks: {
    look: {
      description: "What does the picture show?",
      expectedOutput: "A sentence.",
      attachments: [{ file: "pictures/{which}.png" }, { file: "notes.md" }]
    }
  }
})

describe("a crew with attachments", () => {
  it.live.each([openAi, compatible, anthropic, ollama])("shows them to $name", (subject) =>
    Effect.gen(function* () {
      const bytes = new Uint8Array(3_000).map((_, index) => (index * 31) % 256)
      const base64 = Buffer.from(bytes).toString("base64")
      const files: { readonly [path: string]: Uint8Array } = {
        "pictures/otter.png": bytes,
        "notes.md": new TextEncoder().encode("Taken in spring.")
      }
      const server = yield* Scoped.start(answerWith({ text: "An otter." }))
      const model = subject.model(new URL(server.baseURL).origin)
      const llm = Providers.layer({ providers: [{ name: "some", model: () => model }], defaultModel: "some/model" })
      const workspace = Layer.succeed(
        Workspace.Workspace,
        Workspace.shared({ ...Workspace.none, read: (path) => Effect.succeed(files[path]!) })
      )
      const { events, output } = yield* Effect.gen(function* () {
        const crewline = yield* Crewline.Crewline
        const execution = yield* crewline.start(crew, { inputs: { which: "otter" } })
        const events: ReadonlyArray<Followed> = yield* Stream.runCollect(execution.events)
        return { events, ...(yield* execution.result) }
      }).pipe(Effect.provide(crewlineOn(llm, workspace)))
      assert.strictEqual(output, "An otter.")
      const sent = JSON.stringify(server.received.map(({ body }) => body))
      assert.include(sent, base64)
      assert.include(sent, "Taken in spring.")
      assert.include(sent, "otter.png (image/png)")
      const log = JSON.stringify(events)
      assert.notInclude(log, base64.slice(0, 40))
      assert.notInclude(log, "Taken in spring.")
    }).pipe(Effect.scoped)
  )
})
