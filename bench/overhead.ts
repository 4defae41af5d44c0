/**
 * The cost of orchestration: CPU per one-task execution, 50 at once, with the event log in process,
 * against the bare `openai` SDK with its default fetch making the same calls in the same run. Every
 * arm is a separate process; rounds alternate between them, so that noise on the machine affects
 * both. Also the memory of an execution in flight.
 */
import * as FakeProvider from "@crewline/fake-provider/Process"
import * as OverheadArm from "./OverheadArm.ts"
import type { Report } from "./run.ts"

const rounds = 9

const toolLoop = Array.from({ length: 5 }, (_, n) => `[[tool:lookup {"city":"Oslo","day":${n}}]]`).join(" ")

const cases: ReadonlyArray<OverheadArm.Case> = [
  { name: "one-task", count: 1_500, task: "Say something useful about topic 17.", streaming: false, tools: false },
  { name: "streaming", count: 1_000, task: "Say something useful about topic 17.", streaming: true, tools: false },
  { name: "tool-loop-5", count: 300, task: `What is the weather like? ${toolLoop}`, streaming: false, tools: true }
]

export const run = async (report: Report): Promise<void> => {
  const provider = await FakeProvider.start("--chunk-delay", "0")
  try {
    for (const each of cases) {
      const crewline = await OverheadArm.start("crewline", each, provider)
      const sdk = await OverheadArm.start("sdk", each, provider)
      const comparison = await OverheadArm.compare(crewline, sdk, rounds)
      crewline.stop()
      sdk.stop()
      report({ bench: "overhead", case: each.name, ...comparison })
    }
    const silent = await FakeProvider.start("--latency", "60000")
    const arm = await OverheadArm.start("crewline", cases[0]!, silent)
    const bytes = await arm.memory()
    arm.stop()
    silent.stop()
    report({ bench: "overhead", case: "memory-1000-in-flight", "KB per execution": Number((bytes / 1024).toFixed(1)) })
  } finally {
    provider.stop()
  }
}
