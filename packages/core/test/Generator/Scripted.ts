/** Generations by a model that answers each step from a script. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import * as Generator from "../../src/Generator.ts"
import type * as Llm from "../../src/Llm.ts"
import * as Tool from "../../src/Tool.ts"
import * as World from "../fake/World.ts"

type Answer = Schema.Json | World.Reply | ((attempt: number, request: Llm.Request) => unknown)

/** By step; a function is asked with every attempt. */
export interface Script {
  readonly deliverables?: Answer
  readonly organisation?: Answer
  readonly decomposition?: Answer
  readonly tools?: Answer
}

const reading = (name: string, description: string) =>
  Tool.make({ name, description, kind: "read", execute: () => "done" })

export const toolbox = [
  reading("web_search", "Searches the web"),
  reading("file_read", "Reads a file"),
  Tool.make({ name: "mail_send", description: "Sends mail", kind: "network", execute: () => "sent" })
]

export const deliverables = {
  crewName: "report_crew",
  deliverables: [{ name: "report", description: "A report.", criteria: ["It names its sources."] }]
}
export const oneAgent = { kind: "agent", ground: "none", reason: "Each step needs the one before." }
export const reviewers = { kind: "crew", ground: "independent-review", reason: "Someone else must check it." }

export const task = (name: string, more: object = {}) => ({
  name,
  description: `Do ${name}.`,
  expectedOutput: "Text.",
  agent: "worker",
  reads: [] as ReadonlyArray<string>,
  produces: `${name}_output`,
  ...more
})
export const agent = (name: string) => ({ name, role: `The ${name}`, goal: "Work well." })

export const decomposition = {
  agents: [agent("worker")],
  tasks: [task("find"), task("write", { reads: ["find_output"], produces: "report" })],
  reason: "First find, then write."
}
export const good: Required<Script> = { deliverables, organisation: oneAgent, decomposition, tools: { tasks: [] } }

type Reply = Parameters<typeof World.llm>[0]

/** A world in which one script after the other is generated with. */
export const make = (within: (reply: Reply) => Reply = (reply) => reply) => {
  let script: Script = good
  const attempts = new Map<string, number>()
  const asked: Array<Llm.Request> = []
  const reply: Reply = (request) => {
    const { executionId, taskId } = request.caller!
    const key = `${executionId} ${taskId}`
    const attempt = (attempts.get(key) ?? 0) + 1
    attempts.set(key, attempt)
    const answer = script[taskId as keyof Script]
    const value: unknown = typeof answer === "function" ? answer(attempt, request) : answer
    if (Effect.isEffect(value)) return value as World.Reply
    return World.text(typeof value === "string" ? value : JSON.stringify(value))
  }
  const model = World.llm(within(reply), asked)
  const generate = Effect.fnUntraced(function* (
    scripted: Script,
    request: Partial<Generator.Request> = {},
    options: { readonly tools?: ReadonlyArray<(typeof toolbox)[number]>; readonly optimises?: boolean } = {}
  ) {
    script = { ...good, ...scripted }
    asked.length = 0
    const crewline = yield* Crewline.Crewline
    const log = yield* EventLog.EventLog
    const { crew, inputs } = Generator.make(
      { goal: "Write a report.", ...request },
      { tools: options.tools ?? toolbox }
    )
    const { events, id } = yield* crewline.start(crew, { inputs })
    yield* Stream.runDrain(events)
    const recorded = yield* log.read(id)
    return {
      id,
      events: recorded,
      generated: Generator.fromEvents(recorded, { optimises: options.optimises ?? true }),
      asked: [...asked]
    }
  })
  return { generate, layer: World.world(model, World.toolbox(), { crews: [Generator.crew] }) }
}
