/**
 * Plans that run in memory on the test clock and are inspected once they are idle: for tests of
 * waits.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import type * as Ask from "../../src/Ask.ts"
import * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Tool from "../../src/Tool.ts"
import * as Toolbox from "../../src/Toolbox.ts"
import * as World from "./World.ts"

/** One attempt. */
export const once: Plan.Retry = { attempts: 1, initialMillis: 1, factor: 1, maxMillis: 1 }
type Answers = ReadonlyArray<Llm.Answer | World.Reply>

/**
 * Hashing that was requested before this starts is complete when it ends, however busy the machine
 * is: the platform hashes in order.
 */
const hashed = async (): Promise<void> => {
  await crypto.subtle.digest("SHA-256", new Uint8Array(1))
  await new Promise((resolve) => setTimeout(resolve, 1))
}

/**
 * Small steps: a fiber that wakes another at the same instant needs a turn of the scheduler, and
 * hashing needs one of the platform.
 */
export const pass = (millis: number) =>
  Effect.repeat(Effect.andThen(TestClock.adjust(Math.ceil(millis / 20)), Effect.promise(hashed)), { times: 19 })

export interface Run {
  readonly id: string
  readonly asked: ReadonlyArray<Llm.Request>
  readonly crewline: Crewline.Crewline["Service"]
  readonly log: EventLog.EventLog["Service"]
  readonly events: Effect.Effect<ReadonlyArray<ExecutionEvent.ExecutionEvent>, EventLog.EventLogError>
  readonly task: (id?: string) => Effect.Effect<Crewline.TaskView, EventLog.EventLogError>
}

const toolboxOf = (tools: ReadonlyArray<Toolbox.Tool> | (() => ReadonlyArray<Toolbox.Tool>) = []) =>
  typeof tools !== "function"
    ? World.toolbox(...tools)
    : Layer.succeed(Toolbox.Toolbox, {
        list: Effect.sync(tools),
        get: (name) => Effect.suspend(() => Toolbox.make(tools()).get(name))
      })

/** Starts the plan, and returns it once it is idle. */
export const running = <A, E>(
  tasks: { readonly [id: string]: Partial<Plan.PlannedTask> },
  options: {
    readonly answers: { readonly [task: string]: Answers } | ((request: Llm.Request) => Llm.Answer | World.Reply)
    /** A function answers with the tools as they are at each call. */
    readonly tools?: ReadonlyArray<Toolbox.Tool> | (() => ReadonlyArray<Toolbox.Tool>)
    readonly plan?: Partial<Plan.Plan>
    readonly crewline?: Crewline.Options
  },
  use: (run: Run) => Effect.Effect<A, E>
) => {
  const asked: Array<Llm.Request> = []
  const { answers } = options
  const model = World.llm(typeof answers === "function" ? answers : World.script(answers), asked)
  return Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const log = yield* EventLog.EventLog
    const { id } = yield* crewline.startPlan(
      World.plan(
        Object.fromEntries(Object.entries(tasks).map(([name, task]) => [name, { retry: once, ...task }])),
        options.plan
      )
    )
    yield* pass(100)
    return yield* use({
      id,
      asked,
      crewline,
      log,
      events: log.read(id),
      task: (name = "a") => Effect.map(crewline.get(id), (view) => view.tasks[name]!)
    })
  }).pipe(Effect.provide(World.world(model, toolboxOf(options.tools), options.crewline)))
}

export { ofType } from "./InMemory.ts"

export const lastMessage = (request: Llm.Request): string => JSON.stringify(request.messages.at(-1))

export const send = (sent: Array<unknown>) =>
  Tool.make({
    name: "send",
    description: "Sends a letter.",
    parameters: Schema.Struct({ to: Schema.String }),
    approval: true,
    execute: ({ to }) => {
      sent.push(to)
      return `sent to ${to}`
    }
  })

/** Who answers. */
export const ann: Ask.Author = { name: "ann" }
