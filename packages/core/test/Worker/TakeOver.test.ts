import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as FastCheck from "fast-check"
import * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import * as TakeOver from "../../src/Worker/TakeOver.ts"
import * as Usage from "../../src/Usage.ts"
import * as Plans from "../arbitrary/Plan.ts"
import * as Stories from "../arbitrary/Story.ts"
import * as Property from "../arbitrary/Property.ts"

const property = Property.test(500)

/** Stories that ended in failure, and numbers for the retry. */
const broken = FastCheck.tuple(
  FastCheck.oneof(
    Stories.of(Plans.any, { aborts: true }),
    Stories.of(Plans.withPolicies(["fail", "skip", "continue"]), { aborts: false })
  ),
  FastCheck.array(FastCheck.nat(59), { maxLength: 40 })
)

const takenOf = (source: Execution.Execution, taskId: string): Decision.Taken => {
  const { skipped } = Execution.task(source, taskId)!
  return skipped === undefined
    ? { type: "TaskCompleted", taskId, run: 0, output: taskId }
    : { type: "TaskSkipped", taskId, run: 0, ...skipped }
}

/** The retry of an execution, driven by `send` and stored with all its events. */
const fork = (source: Execution.Execution) => {
  const events: Array<ExecutionEvent.ExecutionEvent> = []
  const stamp = (draft: ExecutionEvent.Draft) => {
    const event = { ...draft, seq: events.length + 1, at: Stories.timeOf(events.length), executionId: "fork" }
    events.push(event)
    return event
  }
  const retryOf = { executionId: source.id, tasks: TakeOver.standing(source) }
  const started = stamp({ type: "ExecutionStarted", plan: source.plan, retryOf })
  const self = {
    events,
    retryOf,
    state: Execution.make(started as ExecutionEvent.Of<"ExecutionStarted">),
    send: (command: Decision.Command): Decision.Refusal | undefined => {
      const decided = Decision.decide(self.state, command)
      if (Result.isFailure(decided)) return decided.failure
      for (const draft of decided.success) self.state = Execution.apply(self.state, stamp(draft))
      return undefined
    }
  }
  return self
}

const start = (taskId: string): Decision.Command => ({ _tag: "Start", taskId, worker: "w", maxCrashes: 3 })

describe("completed work", () => {
  property("has an outcome, and so do all its dependencies", [broken], ([{ final }]) => {
    const stands = TakeOver.standing(final)
    const seen = new Set<string>()
    for (const id of stands) {
      const { plan, skipped, status } = Execution.task(final, id)!
      expect(status === "completed" || skipped?.reason === "condition").toBe(true)
      for (const dependency of plan.dependencies) expect(seen).toContain(dependency)
      seen.add(id)
    }
    for (const { dependencies, id } of final.plan.tasks) {
      if (seen.has(id) || Execution.task(final, id)!.status !== "completed") continue
      expect(dependencies.some((dependency) => !seen.has(dependency))).toBe(true)
    }
  })

  it("ends where a task saw the failure of another", () => {
    const plan = Plans.fromTasks([
      Plans.task({ id: "a", onFailure: "continue" }),
      Plans.task({ id: "b", dependencies: ["a"] }),
      Plans.task({ id: "c" }),
      Plans.task({ id: "d", dependencies: ["b", "c"] })
    ])
    const story = fork(
      Execution.make({ type: "ExecutionStarted", plan, seq: 1, at: Stories.timeOf(0), executionId: "source" })
    )
    const finish = (taskId: string, outcome: Decision.Outcome) => {
      story.send(start(taskId))
      expect(story.send({ _tag: "Finish", taskId, run: 1, outcome, progress: [], jitter: 0 })).toBeUndefined()
    }
    const error = { code: "test", message: "no", isRetryable: false }
    finish("a", { _tag: "Failed", error })
    finish("b", { _tag: "Completed", output: "without a" })
    finish("c", { _tag: "Completed", output: "c" })
    finish("d", { _tag: "Failed", error })
    expect(story.state.status).toBe("failed")
    expect(TakeOver.standing(story.state)).toEqual(["c"])
  })
})

describe("a retry", () => {
  property(
    "starts nothing before everything is taken over, in any parts, and then ends with one outcome for each task",
    [broken],
    ([{ final }, choices]) => {
      FastCheck.pre(final.status !== "completed")
      const choose = Stories.choosing(choices)
      const retry = fork(final)
      const { tasks } = retry.retryOf
      for (let taken = 0; taken < tasks.length;) {
        for (const { id } of final.plan.tasks) expect(["dependencies", "settled"]).toContain(retry.send(start(id)))
        const part = tasks.slice(0, taken + 1 + choose(4)).map((id) => takenOf(final, id))
        const command: Decision.Command = { _tag: "TakeOver", tasks: part }
        expect(retry.send(command)).toBeUndefined()
        // Two processes that resume it do the same.
        expect(retry.send(command)).toBe("already")
        taken = part.length
      }
      expect(retry.state.pendingTakeovers).toBe(0)
      expect(retry.state.usage).toEqual(Usage.zero)
      for (const id of tasks) expect(Execution.task(retry.state, id)!.status).toBe(Execution.task(final, id)!.status)

      while (retry.state.status === "running") {
        const next = Stories.actionable(retry.state)[0]!
        if (next.status !== "running") expect(retry.send(start(next.plan.id))).toBeUndefined()
        const { run } = Execution.task(retry.state, next.plan.id)!
        const outcome: Decision.Outcome = { _tag: "Completed", output: "again" }
        retry.send({ _tag: "Finish", taskId: next.plan.id, run, outcome, progress: [], jitter: 0 })
      }
      expect(retry.state.status).toBe("completed")
      const outcomes = retry.events.flatMap((event) => (ExecutionEvent.isTerminal(event) ? [event] : []))
      const settled = outcomes.map((event) => (event as ExecutionEvent.TaskCompleted).taskId)
      expect(settled.toSorted()).toEqual(final.plan.tasks.map(({ id }) => id).toSorted())
      expect(Execution.fromEvents(retry.events)).toEqual(retry.state)
    }
  )

  property("of a source that was deleted meanwhile fails with that reason", [broken], ([{ final }]) => {
    const retry = fork(final)
    FastCheck.pre(retry.retryOf.tasks.length > 0)
    expect(retry.send({ _tag: "TakeOver", tasks: "gone" })).toBeUndefined()
    expect([retry.state.status, retry.state.error?.code]).toEqual(["failed", "retry-source-gone"])
    expect(retry.state.unsettled).toBe(0)
  })

  it("takes over nothing that it does not name, and nothing into an execution that is not a retry", () => {
    const plan = Plans.fromTasks([Plans.task({ id: "a" }), Plans.task({ id: "b" })])
    const stamp = { seq: 1, at: Stories.timeOf(0), executionId: "e" }
    const tasks = [{ type: "TaskCompleted", taskId: "b", run: 0, output: "b" } as const]
    const plain = Execution.make({ type: "ExecutionStarted", plan, ...stamp })
    expect(Decision.decide(plain, { _tag: "TakeOver", tasks })).toEqual(Result.fail("already"))
    const retryOf = { executionId: "other", tasks: ["a"] }
    const retry = Execution.make({ type: "ExecutionStarted", plan, retryOf, ...stamp })
    expect(Decision.decide(retry, { _tag: "TakeOver", tasks })).toEqual(Result.fail("already"))
  })
})
