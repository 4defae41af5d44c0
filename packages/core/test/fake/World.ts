/**
 * Fixtures for tests of the running core: a model that is a function, tools by name, and short
 * plans.
 */
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Crewline from "../../src/Crewline.ts"
import * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Toolbox from "../../src/Toolbox.ts"
import * as Usage from "../../src/Usage.ts"

export type Reply = Effect.Effect<Llm.Answer, Llm.LlmError>

/** An answer that ends the turn loop. */
export const text = (value: string, finishReason: Response.FinishReason = "stop"): Llm.Answer => ({
  parts: [{ type: "text", text: value }],
  finishReason,
  usage: { ...Usage.zero, requests: 1, inputTokens: 10, outputTokens: 2 },
  model: "fake-1"
})

/** An answer that calls tools. */
export const calls = (...made: ReadonlyArray<readonly [name: string, params: unknown, id?: string]>): Llm.Answer => ({
  parts: made.map(([name, params, id], index) => ({
    type: "tool-call",
    id: id ?? `call_${index}`,
    name,
    params,
    providerExecuted: false
  })),
  finishReason: "tool-calls",
  usage: { ...Usage.zero, requests: 1, inputTokens: 10, outputTokens: 2 },
  model: "fake-1"
})

export const refuse = (reason: Llm.Reason): Reply => Effect.fail(new Llm.LlmError({ model: "fake/1", reason }))

/** A model that is a function of the request; `asked` collects the requests. */
export const llm = (
  reply: (request: Llm.Request, asked: ReadonlyArray<Llm.Request>) => Llm.Answer | Reply,
  asked: Array<Llm.Request> = []
): Layer.Layer<Llm.Llm> =>
  Layer.succeed(Llm.Llm, {
    // Tests of limits refuse calls themselves.
    enforcesLimits: true,
    resolve: () =>
      Effect.succeed({
        reference: "fake/1",
        generate: (request) =>
          Effect.suspend(() => {
            asked.push({ ...request, messages: [...request.messages] })
            const answer = reply(request, asked)
            return Effect.isEffect(answer) ? answer : Effect.succeed(answer)
          })
      })
  })

/** The n-th answer of a task, independent of other tasks. */
export const script = (answers: { readonly [task: string]: ReadonlyArray<Llm.Answer | Reply> }) => {
  const next = new Map<string, number>()
  return (request: Llm.Request): Llm.Answer | Reply => {
    const task = request.caller!.taskId
    const index = next.get(task) ?? 0
    next.set(task, index + 1)
    return answers[task]?.[index] ?? Effect.die(new Error(`no answer ${index + 1} for task ${task}`))
  }
}

export const tool = (
  name: string,
  execute: Toolbox.Tool["execute"],
  options: { readonly idempotent?: boolean } = {}
): Toolbox.Tool => ({
  name,
  description: name,
  parameters: { type: "object" },
  idempotent: options.idempotent ?? false,
  execute
})

export const toolbox = (...tools: ReadonlyArray<Toolbox.Tool>): Layer.Layer<Toolbox.Toolbox> =>
  Layer.succeed(Toolbox.Toolbox, {
    list: Effect.succeed(tools),
    get: (name) => {
      const found = tools.find((each) => each.name === name)
      return found === undefined
        ? Effect.fail(new Toolbox.UnknownTool({ tool: name, known: tools.map((each) => each.name) }))
        : Effect.succeed(found)
    }
  })

type TaskInput = Partial<Omit<Plan.PlannedTask, "id">>

/** A plan from partial tasks; dependencies are the context unless given. */
export const plan = (tasks: { readonly [id: string]: TaskInput }, options: Partial<Plan.Plan> = {}): Plan.Plan => ({
  version: 1,
  name: "test",
  process: "parallel",
  inputs: {},
  agents: { agent: { role: "Agent", goal: "Test", backstory: "" } },
  tasks: Object.entries(tasks).map(([id, task]) => ({
    id,
    description: `Do ${id}.`,
    expectedOutput: "Text.",
    agent: "agent",
    context: [],
    dependencies: task.context ?? [],
    tools: [],
    guardrails: [],
    maxRepairs: 2,
    maxTurns: 10,
    retry: { attempts: 3, initialMillis: 100, factor: 2, maxMillis: 1_000 },
    onFailure: "fail",
    ...task
  })),
  ...options
})

/** Crewline in memory with this model and these tools. */
export const world = (
  model: Layer.Layer<Llm.Llm>,
  tools: Layer.Layer<Toolbox.Toolbox> = toolbox(),
  options: Crewline.Options = {}
) => Crewline.layerLocal(options).pipe(Layer.provide([model, tools]))
