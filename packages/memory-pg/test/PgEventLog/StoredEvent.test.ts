import type * as Ask from "@crewline/core/Ask"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Plan from "@crewline/core/Plan"
import type * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as StoredEvent from "../../src/PgEventLog/StoredEvent.ts"

const at = new Date("2026-11-22T12:00:00.123Z")

/** Any JSON, sometimes large enough to be stored separately. */
const json = fc.oneof(
  { weight: 9, arbitrary: fc.jsonValue({ stringUnit: "binary" }).map((value) => value as Schema.Json) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 50 }).map((text) => text.repeat(10_000)) }
)

const text = fc.oneof(
  { weight: 9, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 50 }).map((unit) => unit.repeat(10_000)) }
)
const object = fc.dictionary(fc.string(), json, { maxKeys: 3 })
const ids = fc.array(fc.string(), { maxLength: 3 })
const closes = fc.record({ closes: ids }, { requiredKeys: [] })

const usage = { requests: 1, inputTokens: 2, cachedInputTokens: 0, outputTokens: 3, reasoningTokens: 0, costUsd: 0.1 }
const error = { code: "model-error", message: "no", isRetryable: true } as const
const ofTask = { taskId: "a", run: 1 } as const
const ofTurn = { ...ofTask, turn: 2 } as const

const ask: fc.Arbitrary<Ask.Ask> = fc.record(
  {
    id: fc.string(),
    kind: fc.constantFrom("approval", "question", "review", "budget"),
    title: text,
    shown: json,
    hash: fc.string(),
    onSilence: fc.constantFrom("deny", "accept", "reply"),
    answerableBy: ids,
    call: fc.string(),
    tool: fc.string(),
    schema: object,
    deadlineMillis: fc.nat(),
    reply: json,
    scope: fc.string()
  },
  { requiredKeys: ["id", "kind", "title", "shown", "hash", "onSilence", "answerableBy"] }
)

const criteria = fc.record(
  {
    criteria: fc.array(
      fc.record(
        { criterion: text, verdict: fc.constantFrom("passed", "failed", "unknown"), reason: text },
        { requiredKeys: ["criterion", "verdict"] }
      ),
      { maxLength: 3 }
    )
  },
  { requiredKeys: [] }
)

const guardrail: fc.Arbitrary<Plan.Guardrail> = fc.oneof(
  text.map((text) => ({ kind: "sentence", text }) as const),
  fc.nat(3).map((index) => ({ kind: "code", index }) as const)
)

const task: fc.Arbitrary<Plan.PlannedTask> = fc.record(
  {
    id: fc.string(),
    description: text,
    expectedOutput: text,
    agent: fc.string(),
    context: ids,
    dependencies: ids,
    tools: ids,
    guardrails: fc.array(guardrail, { maxLength: 3 }),
    retry: fc.constant({ attempts: 1, initialMillis: 1, factor: 1, maxMillis: 1 }),
    maxRepairs: fc.nat(),
    maxTurns: fc.nat(),
    onFailure: fc.constant("fail"),
    output: object,
    attachments: fc.constant([{ file: "a.png", mediaType: "image/png" }]),
    signals: ids,
    title: text,
    codeOf: fc.string()
  },
  {
    requiredKeys: [
      ...(["id", "description", "expectedOutput", "agent", "context", "dependencies", "tools"] as const),
      ...(["guardrails", "retry", "maxRepairs", "maxTurns", "onFailure"] as const)
    ]
  }
)

/** Every type of event. */
const draftOf: {
  readonly [type in ExecutionEvent.Type]: fc.Arbitrary<Omit<Extract<ExecutionEvent.Draft, { type: type }>, "type">>
} = {
  ExecutionStarted: fc.record({
    plan: fc
      .array(task, { maxLength: 2 })
      .map((tasks): Plan.Plan => ({ version: 1, name: "crew", process: "parallel", agents: {}, tasks, inputs: {} }))
  }),
  TaskStarted: closes.map((more) => ({ ...ofTask, attempt: 1, worker: "w", crashes: 0, ...more })),
  TurnCompleted: text.map((text) => ({
    ...ofTurn,
    messages: [{ role: "user", content: [{ type: "text", text }] }],
    parts: [{ type: "text", text }],
    finishReason: "stop",
    model: "scripted/test",
    usage
  })),
  ModelNoticed: text.map((message) => ({ ...ofTurn, notice: { kind: "cache-hit", model: "m", message } })),
  GuardrailJudged: text.map((complaint) => ({ ...ofTurn, guardrail: 0, accepted: false, complaint })),
  ToolStarted: fc.string().map((tool) => ({ ...ofTurn, callId: "c", tool })),
  ToolCalled: fc.tuple(json, json).map(([args, result]) => ({
    ...ofTurn,
    callId: "c",
    tool: "t",
    arguments: args,
    result,
    isFailure: false,
    durationMillis: 3
  })),
  MemoryRecalled: fc.record(
    {
      taskId: fc.string(),
      run: fc.nat(),
      ids,
      scores: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true })),
      why: ids
    },
    { requiredKeys: ["taskId", "run", "ids", "scores"] }
  ),
  OutputRejected: text.map((complaint) => ({ ...ofTurn, by: "schema", complaint })),
  AgentAssigned: fc.record(
    { taskId: fc.string(), run: fc.nat(), agent: fc.string(), by: fc.constantFrom("manager", "matcher"), reason: text },
    { requiredKeys: ["taskId", "run", "agent", "by"] }
  ),
  ReviewJudged: fc.tuple(text, criteria).map(([feedback, more]) => ({
    ...ofTurn,
    reviewer: "manager",
    verdict: "revise",
    by: "manager",
    feedback,
    ...more
  })),
  RecoveryChosen: fc.record(
    {
      taskId: fc.string(),
      run: fc.nat(),
      choice: fc.constantFrom("retry", "replace", "abort"),
      by: fc.constantFrom("manager", "policy"),
      reason: text
    },
    { requiredKeys: ["taskId", "run", "choice", "by"] }
  ),
  TaskSuspended: fc.record(
    {
      taskId: fc.string(),
      run: fc.nat(),
      for: fc.constant({ kind: "calls", turn: 2 }),
      waits: fc.constant({ groups: [] }),
      spawn: fc.array(task, { maxLength: 3 }),
      asks: fc.array(ask, { maxLength: 3 }),
      timers: fc.constant([{ id: "a/1.2.0.timer", millis: 5 }])
    },
    { requiredKeys: ["taskId", "run", "for", "waits", "spawn"] }
  ),
  TaskRetried: fc.tuple(text, closes).map(([advice, more]) => ({
    ...ofTask,
    attempt: 1,
    error,
    delayMillis: 0,
    keepsTurns: true,
    advice,
    ...more
  })),
  TaskReleased: fc.constant(ofTask),
  TaskUnserved: text.map((missing) => ({ taskId: "a", missing })),
  TaskCompleted: fc
    .tuple(json, closes, criteria)
    .map(([output, more, judged]) => ({ ...ofTask, output, ...more, ...judged })),
  TaskFailed: closes.map((more) => ({ ...ofTask, error, ...more })),
  TaskSkipped: closes.map((more) => ({ taskId: "a", reason: "condition", ...more })),
  TaskCancelled: closes.map((more) => ({ taskId: "a", reason: "not-needed", ...more })),
  SignalReceived: json.map((value) => ({ signal: "s", value })),
  MessageSent: fc.record(
    {
      taskId: fc.string(),
      text,
      by: fc.constant({ name: "Ada", role: "operator" }),
      idempotency: fc.constant({ key: "k", requestHash: "h" })
    },
    { requiredKeys: ["text", "by"] }
  ),
  AskAnswered: fc.record(
    {
      ask: fc.string(),
      taskId: fc.string(),
      answer: fc.constantFrom("approve", "edit", "deny", "reply", "accept", "revise", "raise"),
      hash: fc.string(),
      by: fc.constant({ name: "Ada", role: "operator" }),
      arguments: object,
      feedback: text,
      reason: text,
      value: json,
      limits: fc.constant({ tokens: 5 }),
      scope: fc.constantFrom("once", "run")
    },
    { requiredKeys: ["ask", "taskId", "answer", "hash", "by"] }
  ),
  LimitReached: fc.string().map((scope) => ({
    scope,
    percent: 80 as const,
    limits: { tokens: 5 },
    spent: { tokens: 4, requests: 1, costUsd: null }
  })),
  LimitRaised: fc.string().map((scope) => ({ scope, limits: { tokens: 5 }, ask: "budget/0" })),
  ExecutionPaused: fc.constant({}),
  ExecutionResumed: fc.constant({}),
  ExecutionEnded: closes.map((more) => ({ status: "completed", usage, ...more }))
}

const drafts = fc.oneof(
  ...Object.entries(draftOf).map(([type, arbitrary]) =>
    (arbitrary as fc.Arbitrary<object>).map((rest) => ({ type, ...rest }) as ExecutionEvent.Draft)
  )
)

describe("StoredEvent", () => {
  it("returns what was stored", () => {
    fc.assert(
      fc.property(drafts, (draft) => {
        const { blob, row } = StoredEvent.split(draft)
        const event = StoredEvent.join("x", { seq: 7, at, body: row.body, payload: row.payload ?? blob ?? null })
        const { at: time, executionId, seq, ...rest } = event
        assert.deepStrictEqual([time, executionId, seq], ["2026-11-22T12:00:00.123Z", "x", 7])
        const textOf = (value: object) => JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        assert.isTrue(textOf(rest) === textOf(draft))
      }),
      { numRuns: 1_000 }
    )
  })

  it("leaves texts out of the body, and keeps everything that the fold needs", () => {
    const secret = "only for those who read payloads"
    const suspended = draftOf.TaskSuspended.map((suspension): ExecutionEvent.Draft => ({
      ...suspension,
      type: "TaskSuspended",
      asks: (suspension.asks ?? []).map((each) => ({
        ...each,
        title: "t",
        shown: secret,
        reply: secret,
        schema: { $comment: secret }
      })),
      spawn: suspension.spawn.map((each) => ({
        ...each,
        description: secret,
        expectedOutput: secret,
        title: "t",
        acceptance: [secret],
        output: { $comment: secret },
        guardrails: [
          { kind: "sentence", text: secret },
          { kind: "code", index: 1 }
        ],
        attachments: [{ file: secret, mediaType: "text/plain" }]
      }))
    }))
    const texts: ReadonlyArray<ExecutionEvent.Draft> = [
      { type: "SignalReceived", signal: "s", value: secret },
      {
        type: "AskAnswered",
        ask: "a/1",
        taskId: "a",
        answer: "edit",
        hash: "h",
        by: { name: "Ada" },
        arguments: { secret },
        feedback: secret,
        reason: secret,
        value: secret
      }
    ]
    fc.assert(
      fc.property(fc.oneof(suspended, fc.constantFrom(...texts)), (draft) => {
        const { row } = StoredEvent.split(draft)
        assert.notInclude(row.body, secret)
        const light = JSON.parse(row.body) as ExecutionEvent.Draft
        if (draft.type !== "TaskSuspended" || light.type !== "TaskSuspended") return
        const outlineOf = ({ asks = [], spawn, ...rest }: ExecutionEvent.TaskSuspended) => ({
          ...rest,
          asks: asks.map(({ deadlineMillis, hash, id, kind, onSilence, scope, tool }) => [
            deadlineMillis,
            hash,
            id,
            kind,
            onSilence,
            scope,
            tool
          ]),
          spawn: spawn.map(({ dependencies, guardrails, id, signals }) => [
            dependencies,
            id,
            signals,
            guardrails.filter(({ kind }) => kind === "code")
          ])
        })
        assert.deepStrictEqual(outlineOf(light), outlineOf(draft))
      })
    )
  })

  it("keeps every row small, and records what is stored separately", () => {
    fc.assert(
      fc.property(drafts, (draft) => {
        const { blob, row } = StoredEvent.split(draft)
        assert.isAtMost(Buffer.byteLength(row.payload ?? ""), StoredEvent.blobBytes)
        assert.strictEqual(row.sha256 === undefined, blob === undefined)
        if (blob === undefined) return
        assert.isAbove(Buffer.byteLength(blob), StoredEvent.blobBytes)
        assert.strictEqual(row.size, Buffer.byteLength(blob))
        assert.isTrue(blob.startsWith(row.excerpt!))
        assert.isTrue(row.excerpt!.isWellFormed())
      }),
      { numRuns: 1_000 }
    )
  })
})
