import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { z } from "zod"
import * as Crew from "../src/Crew.ts"
import * as CoreCrew from "@crewline/core/Crew"
import * as Llm from "@crewline/core/Llm"
import * as LocalTaskQueue from "@crewline/core/LocalTaskQueue"
import * as TaskQueue from "@crewline/core/TaskQueue"
import { ClientClosed } from "../src/Failure.ts"
import { client } from "../src/Run.ts"
import * as Scripted from "../src/Scripted.ts"
import * as World from "../../core/test/fake/World.ts"

const agents = { writer: { role: "Writer", goal: "Write about {topic}" } }

const hello = Crew.make({
  name: "hello",
  agents: { host: { role: "Host", goal: "Make people feel welcome" } },
  tasks: { greet: { description: "Greet.", expectedOutput: "One sentence." } }
})

describe("a client", () => {
  it("starts, follows, and answers with the typed result of the final task", async () => {
    const crew = Crew.make({
      name: "otters",
      agents,
      tasks: {
        gather: { agent: "writer", description: "Gather facts about {topic}.", expectedOutput: "Facts." },
        rate: {
          agent: "writer",
          description: "Rate it.",
          expectedOutput: "A score.",
          context: ["gather"],
          output: Schema.Struct({ score: Schema.Finite, at: Schema.DateTimeUtcFromString })
        }
      }
    })
    const crewline = await client({
      llm: World.llm((request) =>
        request.caller!.taskId === "gather"
          ? World.text("They float.")
          : World.text('{"score": 7, "at": "2026-01-01T00:00:00Z"}')
      )
    })
    const execution = await crewline.start(crew, { inputs: { topic: "otters" } })
    const types: Array<string> = []
    for await (const event of execution.events) types.push(event.type)
    assert.strictEqual(types.at(-1), "ExecutionEnded")
    const result = await execution.result
    assert.strictEqual(result.output.score, 7)
    assert.strictEqual(result.output.at.epochMilliseconds, Date.UTC(2026, 0, 1))
    assert.strictEqual(result.tasks["gather"]!.usage.requests, 1)
    assert.strictEqual(result.usage.requests, 2)
    assert.strictEqual((await crewline.get(execution.id)).status, "completed")
    assert.strictEqual((await crewline.list()).length, 1)
    const resumed = await crewline.adopt(execution.id, crew)
    assert.strictEqual((await resumed.result).output.score, 7)
    await crewline.close()
  })

  it("runs functions of the crew: guardrails, conditions, Zod schemas", async () => {
    const crew = Crew.make({
      name: "checked",
      agents: { writer: { role: "Writer", goal: "Write" } },
      tasks: {
        draft: {
          agent: "writer",
          description: "Draft.",
          expectedOutput: "A draft.",
          output: z.object({ words: z.number().int() }),
          guardrails: [(draft: { words: number }) => Promise.resolve(draft.words > 10 ? true : "too short")]
        },
        publish: {
          agent: "writer",
          description: "Publish.",
          expectedOutput: "A link.",
          when: { task: "draft", test: (draft: { words: number }) => Effect.succeed(draft.words > 100) }
        }
      }
    })
    const answers = ['{"words": 3}', '{"words": 30}']
    const crewline = await client({ llm: World.llm(() => World.text(answers.shift()!)) })
    const { tasks } = await (await crewline.start(crew)).result
    assert.deepStrictEqual(tasks["draft"]!.output, { words: 30 })
    assert.strictEqual(tasks["publish"]!.status, "skipped")
    await crewline.close()
  })

  it("rejects with typed errors", async () => {
    const crew = Crew.make({
      name: "failing",
      agents,
      tasks: { a: { agent: "writer", description: "Do {missing}.", expectedOutput: "x" } }
    })
    const crewline = await client({
      llm: World.llm(() => World.refuse(new Llm.Authentication({ description: "wrong key" })))
    })
    const invalid = await crewline.start(crew, { inputs: { topic: "x" } }).catch((error: unknown) => error)
    assert.instanceOf(invalid, CoreCrew.CrewInvalid)
    assert.strictEqual(invalid.problems[0]!.code, "missing-input")
    const execution = await crewline.start(crew, { inputs: { topic: "x", missing: "it" } })
    const failed = await execution.result.catch((error: unknown) => error)
    assert.isTrue(failed instanceof Error && "code" in failed && failed.code === "model-authentication")
    await crewline.close()
  })

  it("tells a program without types what is no crew", async () => {
    const crewline = await client({ llm: World.llm(() => World.text("An answer.")) })
    const data = { name: "otters", agents, tasks: { gather: { description: "d", expectedOutput: "e" } } }
    for (const value of [data, null, "otters", { definition: data }, [data]]) {
      const error = await crewline.start(value as never).catch((error: unknown) => error)
      assert.instanceOf(error, CoreCrew.CrewInvalid)
      assert.deepStrictEqual(
        error.problems.map(({ code, path }) => [code, path]),
        [["wrong-type", []]]
      )
      assert.include(error.message, "Crew.fromJson")
    }
    await crewline.close()
  })

  it("holds an execution, lets it go on, and does again what failed, over any queue", async () => {
    const crew = Crew.make({
      name: "moody",
      agents: { writer: { role: "Writer", goal: "Write" } },
      tasks: {
        first: { agent: "writer", description: "Begin.", expectedOutput: "Text." },
        second: { agent: "writer", description: "Go on.", expectedOutput: "Text.", context: ["first"] }
      }
    })
    const asked: Array<string> = []
    let isGood = false
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const submitted: Array<[string, string | undefined]> = []
    const queue = Layer.effect(
      TaskQueue.TaskQueue,
      Effect.map(TaskQueue.TaskQueue, (local) => ({
        ...local,
        submit: (facts: TaskQueue.Facts) => {
          submitted.push([facts.executionId, facts.priority])
          return local.submit(facts)
        }
      }))
    ).pipe(Layer.provide(LocalTaskQueue.layerLocal))
    const crewline = await client({
      queue,
      llm: World.llm((request) => {
        const task = request.caller!.taskId
        asked.push(task)
        if (task === "first")
          return Effect.as(
            Effect.promise(() => held),
            World.text(task)
          )
        return isGood ? World.text(task) : World.refuse(new Llm.InvalidRequest({ description: "no" }))
      })
    })
    const execution = await crewline.start(crew, { priority: "high" })
    await crewline.pause(execution.id)
    const sent = await crewline.send(execution.id, { text: "Be brief.", taskId: "second" }, { idempotencyKey: "k" })
    assert.isFalse(sent.existing)
    const unread = await crewline.send(execution.id, { text: "Be brief." }).catch((error: unknown) => error)
    assert.strictEqual((unread as { readonly code?: string }).code, "no-manager")
    release()
    assert.strictEqual((await crewline.get(execution.id)).status, "paused")
    await crewline.resume(execution.id)
    const failure = await execution.result.catch((error: unknown) => error)
    assert.strictEqual((failure as { readonly taskId?: string }).taskId, "second")
    isGood = true
    const again = await crewline.retry(execution.id)
    assert.strictEqual((await again.result).output, "second")
    assert.deepStrictEqual(asked, ["first", "second", "second"])
    assert.deepStrictEqual(submitted, [
      [execution.id, "high"],
      [again.id, "high"]
    ])
    const refused = await crewline.retry(again.id).catch((error: unknown) => error)
    assert.strictEqual((refused as { readonly _tag: string })._tag, "NotRetryable")
    await crewline.close()
  })

  it("keeps results that are asked for long after many executions have ended", async () => {
    const crew = Crew.make({
      name: "many",
      agents: { writer: { role: "Writer", goal: "Write" } },
      tasks: { a: { agent: "writer", description: "Say {n}.", expectedOutput: "x" } }
    })
    const crewline = await client({ llm: World.llm((request) => World.text(JSON.stringify(request.messages))) })
    const started = await Promise.all(Array.from({ length: 6_000 }, (_, n) => crewline.start(crew, { inputs: { n } })))
    await started.at(-1)!.result
    const results = await Promise.all(started.map((execution) => execution.result))
    for (const [n, { output }] of results.entries()) assert.include(output, `Say ${n}.`)
    await crewline.close()
  })

  it("lets go of everything when it is closed: what is under way, and what comes later", async () => {
    const crewline = await client({ models: Scripted.make([Scripted.never()]) })
    const execution = await crewline.start(hello)
    const types: Array<string> = []
    const iterate = async (events: AsyncIterable<{ readonly type: string }>) => {
      for await (const { type } of events) types.push(type)
    }
    const underWay = [execution.result, iterate(execution.events), iterate(crewline.follow(execution.id))]
    const settled = Promise.allSettled(underWay)
    while (types.filter((type) => type === "TaskStarted").length < 2) await new Promise(setImmediate)
    const starting = Promise.allSettled([crewline.run(hello)])
    await Promise.all([crewline.close(), crewline.close()])
    await crewline.close()
    const later = [
      crewline.list(),
      crewline.run(hello),
      iterate(execution.events),
      iterate(crewline.follow(execution.id)),
      iterate(crewline.follow("none"))
    ]
    const all = [...(await settled), ...(await starting), ...(await Promise.allSettled(later))]
    const reasons = all.map((each) =>
      each.status === "rejected" && each.reason instanceof ClientClosed ? "closed" : each
    )
    assert.deepStrictEqual(
      reasons,
      Array.from(all, () => "closed")
    )
  })

  it("cancels", async () => {
    const crew = Crew.make({
      name: "slow",
      agents: { writer: { role: "Writer", goal: "Write" } },
      tasks: { a: { agent: "writer", description: "Wait.", expectedOutput: "x" } }
    })
    const crewline = await client({ llm: World.llm(() => Effect.never) })
    const execution = await crewline.start(crew)
    await crewline.cancel(execution.id)
    const failed = await execution.result.catch((error: unknown) => error)
    assert.isTrue(failed instanceof Error && "status" in failed && failed.status === "cancelled")
    await crewline.close()
  })
})

describe("a crew with memory", () => {
  it("can be told, asked, corrected and made to forget, and keeps users apart", async () => {
    const asked: Array<string> = []
    await using crewline = await client({
      llm: World.llm((request) => {
        asked.push(JSON.stringify(request.messages))
        return World.text("Noted.")
      })
    })
    const { memory } = crewline
    const scope = { crew: "hello", user: "ada" }
    const [receipt] = await memory.remember([
      { kind: "long-term", scope, text: "Greet Ada Lovelace in French.", origin: "user" }
    ])
    assert.strictEqual(receipt!._tag, "Stored")
    const crew = Crew.make({
      name: "hello",
      memory: true,
      agents: { host: { role: "Host", goal: "Make people feel welcome" } },
      tasks: { greet: { description: "Greet Ada.", expectedOutput: "One sentence." } }
    })
    const isReminded = async (userId: string) => {
      await crewline.run(crew, { userId })
      return asked.at(-1)!.includes("in French")
    }
    assert.deepStrictEqual([await isReminded("ada"), await isReminded("eve")], [true, false])
    const query = { text: "How is Ada greeted?", scope: { user: "ada" }, any: ["crew"] } as const
    const [found] = await memory.search(query)
    assert.strictEqual((await memory.explain(query, found!.id)).rank, 1)
    assert.deepStrictEqual(
      (await memory.entities({ scope })).map(({ name }) => name),
      ["Ada Lovelace"]
    )
    assert.isTrue((await memory.pin(found!.id)).pinned)
    assert.isTrue((await memory.quarantine(found!.id)).quarantined)
    assert.deepStrictEqual(await memory.search(query), [])
    const exported = []
    for await (const each of memory.export(scope)) exported.push(each)
    const { count } = await memory.forget({ scope })
    assert.strictEqual(count, exported.length)
    assert.strictEqual((await memory.import(exported)).stored, count)
    assert.isFalse((await memory.quarantine(found!.id, false)).quarantined)
    assert.isAbove((await memory.statistics()).live["long-term"], 0)
    await memory.forget({ scope: {} })
    assert.isFalse(await isReminded("ada"))
    await memory.get(found!.id).then(
      () => assert.fail("it was found"),
      (error: Error) => assert.include(error.message, found!.id)
    )
  })

  it("is reminded of what earlier executions came to, once", async () => {
    const asked: Array<Llm.Request> = []
    const crewline = await client({
      llm: World.llm(() => World.text(`Sea otters hold hands (${asked.length}).`), asked)
    })
    const crew = (memory: boolean) =>
      Crew.make({
        name: "otters",
        memory,
        agents: { writer: { role: "Writer", goal: "Write" } },
        tasks: { a: { agent: "writer", description: "What do otters do?", expectedOutput: "A sentence." } }
      })
    await (
      await crewline.start(crew(true))
    ).result
    await (
      await crewline.start(crew(true))
    ).result
    await (
      await crewline.start(crew(false))
    ).result
    const prompts = asked.map((request) => JSON.stringify(request.messages))
    assert.notInclude(prompts[0], "hold hands")
    assert.include(prompts[1], "Sea otters hold hands (1).")
    assert.notInclude(prompts[2], "hold hands")
    await crewline.close()
  })
})
