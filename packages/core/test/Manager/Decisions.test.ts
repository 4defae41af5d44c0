/**
 * The handling of invalid decisions, for every power: they are sent back twice in the same
 * conversation; then the default documented in `docs/managers.md` applies, and the log records who
 * decided. A failed tool call returns the reason, and can be repeated.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Managed from "../fake/Managed.ts"
import { ofType, once, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const plan = Managed.plan({}, { allowDelegation: true })

const json = (value: object): Llm.Answer => World.text(JSON.stringify(value))

interface Power {
  readonly tasks: { readonly [id: string]: Partial<Plan.PlannedTask> }
  /** The task of the manager, and its answers. */
  readonly office: string
  /** Each is refused for a different reason. */
  readonly invalid: readonly [Llm.Answer, Llm.Answer, Llm.Answer]
  readonly valid: Llm.Answer
  readonly others: { readonly [task: string]: Managed.Said }
  /** Who decided, and what: with a valid answer, and without one. */
  readonly decided: (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>) => ReadonlyArray<unknown>
  readonly byManager: ReadonlyArray<unknown>
  readonly byDefault: ReadonlyArray<unknown>
}

const nonsense = World.text("Let us see.")
const done = World.text("done")
const failing = { retry: once, maxRepairs: 0, output: { type: "object" } } as const

const endOf = (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>) =>
  ofType(events, "ExecutionEnded").flatMap(({ error, status }) => [status, error?.code])

const powers: { readonly [power: string]: Power } = {
  assign: {
    tasks: { a: { agent: "boss", frame: { candidates: ["agent", "other"] } } },
    office: "a/assign",
    invalid: [nonsense, json({ agent: "nobody", reason: "r" }), json({ reason: "r" })],
    valid: json({ agent: "other", reason: "r" }),
    others: { "a/assign/work": [done] },
    decided: (events) => ofType(events, "AgentAssigned").flatMap(({ agent, by }) => [by, agent]),
    byManager: ["manager", "other"],
    byDefault: ["matcher", "agent"]
  },
  review: {
    tasks: { a: { reviewed: true } },
    office: "a/1.1.review.manager",
    invalid: [nonsense, json({ verdict: "maybe", reason: "r" }), json({ verdict: "revise" })],
    valid: json({ verdict: "accept", reason: "r" }),
    others: { a: [done] },
    decided: (events) => ofType(events, "ReviewJudged").flatMap(({ by, verdict }) => [by, verdict]),
    byManager: ["manager", "accept"],
    byDefault: ["policy", "accept"]
  },
  accept: {
    tasks: { a: { acceptance: ["It is short."] } },
    office: "a/1.1.review.manager",
    invalid: [nonsense, json({}), json({ criterion_1: { passed: "yes", reason: "r" } })],
    valid: json({ criterion_1: { passed: true, reason: "r" } }),
    others: { a: [done] },
    decided: (events) =>
      ofType(events, "ReviewJudged").flatMap(({ by, criteria = [] }) => [by, ...criteria.map((each) => each.verdict)]),
    byManager: ["manager", "passed"],
    byDefault: ["policy", "unknown"]
  },
  recover: {
    tasks: { a: { ...failing, onFailure: "skip" } },
    office: "a/1.recover",
    invalid: [nonsense, json({ choice: "pray", reason: "r" }), json({ choice: "retry" })],
    valid: json({ choice: "continue", reason: "r" }),
    others: { a: [nonsense] },
    decided: (events) => ofType(events, "RecoveryChosen").flatMap(({ by, choice }) => [by, choice]),
    byManager: ["manager", "continue"],
    byDefault: ["policy", "skip"]
  },
  synthesise: {
    tasks: {
      w: {},
      a: {
        agent: "boss",
        context: ["w"],
        office: "synthesise",
        output: failing.output,
        maxRepairs: 2,
        maxTurns: 3,
        retry: once
      }
    },
    office: "a",
    invalid: [nonsense, World.text("[]"), World.text("")],
    valid: json({ n: 1 }),
    others: { w: [done] },
    decided: endOf,
    byManager: ["completed", undefined],
    byDefault: ["failed", "output-invalid"]
  }
}

describe("an invalid decision", () => {
  for (const [power, { byDefault, byManager, decided, invalid, office, others, tasks, valid }] of Object.entries(
    powers
  )) {
    const comes = (title: string, said: Managed.Said, expected: ReadonlyArray<unknown>, refused: number) =>
      it.effect(`${power}: ${title}`, () =>
        running(
          tasks,
          { plan, answers: { ...others, [office]: said } },
          Effect.fnUntraced(function* ({ asked, events }) {
            yield* pass(1_000)
            const all = yield* events
            assert.deepStrictEqual(decided(all), expected)
            const rejected = ofType(all, "OutputRejected").filter(({ taskId }) => taskId === office)
            assert.strictEqual(rejected.length, refused)
            // In one conversation, extended by the errors.
            const sizes = asked.flatMap(({ caller, messages }) => (caller!.taskId === office ? [messages.length] : []))
            assert.deepStrictEqual(
              sizes,
              Array.from(said, (_, index) => 2 + 2 * index)
            )
          })
        )
      )
    comes("is corrected", [invalid[0], invalid[1], valid], byManager, 2)
    comes("is taken by what is declared in the end", invalid, byDefault, 3)
  }

  it.effect("delegate: is refused, and the tool can be called again", () => {
    const call = (args: object) => World.calls(["delegate_work", { task: "x", context: "", ...args }])
    return running(
      { a: {} },
      {
        plan,
        answers: {
          a: [
            call({ coworker: "nobody" }),
            call({ coworker: "other", output_schema: { type: 1 } }),
            call({ coworker: "other" }),
            done
          ],
          "a/1.3.0.work": [done]
        }
      },
      Effect.fnUntraced(function* ({ events, task }) {
        yield* pass(500)
        assert.deepStrictEqual(
          ofType(yield* events, "ToolCalled").map(({ isFailure }) => isFailure),
          [true, true, false]
        )
        assert.strictEqual((yield* task()).output, "done")
      })
    )
  })
})
