/**
 * Random sequences of operations on two queues side by side, `LocalTaskQueue.layerLocal` and the
 * one under test: what they hand out, return and report about themselves must be the same after
 * every step. A sequence that shows a difference is shrunk and printed with the seed and path that
 * reproduce it.
 *
 *     TaskQueueModel.suite("Redis", layerWith, { runs: 200 })
 *
 * @see TaskQueue
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as TestClock from "effect/testing/TestClock"
import * as FastCheck from "fast-check"
import * as TaskQueue from "../TaskQueue.ts"
import * as LocalTaskQueue from "../LocalTaskQueue.ts"
import { type Options as StoryOptions, type Subject, subject, worker } from "./TaskQueueContract/Story.ts"
import { type Action, expiring, lanes, observe, perform, type Side, usual } from "./TaskQueueModel/Action.ts"
import * as NaiveTaskQueue from "./TaskQueueModel/NaiveTaskQueue.ts"

export interface Options<R = never> extends StoryOptions<R> {
  /** How many sequences. */
  readonly runs: number
  /** Steps in a sequence, at most; default 60. */
  readonly steps?: number
  /** From a failure's report, to reproduce it. */
  readonly seed?: number | undefined
  readonly path?: string | undefined
  readonly replayPath?: string | undefined
  readonly timeoutMillis?: number
  /** How much time passes with `expire`, in milliseconds. */
  readonly expireMillis?: number
}

/** A queue, and how to run something on it. */
interface Running extends Side {
  readonly run: <A>(effect: Effect.Effect<A>) => Promise<A>
  readonly end: () => Promise<void>
}

/** Applies the same action to both; the model is not used otherwise. */
class Step implements FastCheck.AsyncCommand<Running, Running> {
  readonly action: Action
  constructor(action: Action) {
    this.action = action
  }
  check(model: Running): boolean {
    return !("lease" in this.action) || model.leases.length > 0
  }
  async run(model: Running, real: Running): Promise<void> {
    const both = (side: Running) =>
      side.run(Effect.all([perform(side, this.action), observe(side)], { concurrency: 1 }))
    const [expectedAnswer, expectedView] = await both(model)
    const [answer, view] = await both(real)
    assert.deepStrictEqual(answer, expectedAnswer, `the answer to ${this.toString()}`)
    assert.deepStrictEqual(view, expectedView, `what is to be seen after ${this.toString()}`)
  }
  toString(): string {
    return JSON.stringify(this.action)
  }
}

const open = async <R, E>(
  layer: Layer.Layer<TaskQueue.TaskQueue | R, E>,
  options: StoryOptions<R>,
  expire: (subject: Subject, leases: ReadonlyArray<TaskQueue.Lease>) => Effect.Effect<void>
): Promise<Running> => {
  const runtime = ManagedRuntime.make(Layer.provideMerge(layer, TestClock.layer()))
  const side = await runtime.runPromise(subject(options))
  const leases: Array<TaskQueue.Lease> = []
  return {
    subject: side,
    leases,
    expired: new Set(),
    expire: Effect.suspend(() => expire(side, leases)),
    timers: 0,
    run: (effect) => runtime.runPromise(effect),
    end: () => runtime.dispose()
  }
}

const compare = <E, R>(
  model: (options: TaskQueue.Options) => Layer.Layer<TaskQueue.TaskQueue>,
  layerWith: (options: TaskQueue.Options) => Layer.Layer<TaskQueue.TaskQueue | R, E>,
  { expireMillis, path, replayPath, runs, seed, steps = 60, ...options }: Options<R>
) =>
  FastCheck.assert(
    FastCheck.asyncProperty(
      FastCheck.commands(
        [...usual, ...(expireMillis === undefined ? [] : [expiring])].flatMap(([weight, actions]) =>
          Array.from({ length: weight }, () => actions.map((action) => new Step(action)))
        ),
        { maxCommands: steps, size: "max", ...(replayPath === undefined ? {} : { replayPath }) }
      ),
      async (commands) => {
        const sides = {
          model: await open<never, never>(model({ lanes }), {}, ({ elapse, queue }, leases) =>
            Effect.andThen(
              Effect.forEach(leases, (lease) => queue.release(lease)),
              elapse(expireMillis ?? 0)
            )
          ),
          real: await open(layerWith({ lanes }), options, ({ expire }) => expire(worker))
        }
        try {
          await FastCheck.asyncModelRun(() => sides, commands)
        } finally {
          await sides.model.end()
          await sides.real.end()
        }
      }
    ),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }), ...(path === undefined ? {} : { path }) }
  )

/** Declares the test; call it at the top of a test file or inside a `describe`. */
export const suite = <E, R = never>(
  name: string,
  layerWith: (options: TaskQueue.Options) => Layer.Layer<TaskQueue.TaskQueue | R, E>,
  options: Options<R>
): void =>
  it(
    `TaskQueue: ${name}: behaves like the local queue in ${options.runs} random sequences`,
    () => compare(LocalTaskQueue.layerLocalWith, layerWith, options),
    options.timeoutMillis ?? 120_000
  )

/** Compares the reference itself with an implementation that is as simple as possible. */
export const suiteLocal = (options: Options): void =>
  it(
    `TaskQueue: local: behaves like a naive implementation in ${options.runs} random sequences`,
    () => compare(NaiveTaskQueue.layerWith, LocalTaskQueue.layerLocalWith, options),
    options.timeoutMillis ?? 120_000
  )
