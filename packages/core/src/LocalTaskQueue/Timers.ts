/** What happens to tasks at a time: at most one thing per task. */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Task } from "./Tasks.ts"

export class Timers {
  private readonly clock: Clock.Clock
  private readonly fork: (effect: Effect.Effect<void>) => NonNullable<Task["timer"]>
  private readonly afterwards: () => void

  /** `afterwards` is called after whatever a timer did. */
  constructor(clock: Clock.Clock, context: Context.Context<never>, afterwards: () => void) {
    this.clock = clock
    this.fork = Effect.runForkWith(context)
    this.afterwards = afterwards
  }

  get now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** `then` is told when it was due. */
  later(task: Task, millis: number, then: (at: number) => void): void {
    const at = this.now + millis
    const fiber = this.fork(Effect.sleep(millis))
    task.timer = fiber
    fiber.addObserver((exit) => {
      if (task.timer !== fiber) return
      task.timer = undefined
      if (Exit.isSuccess(exit)) {
        then(at)
        this.afterwards()
      }
    })
  }

  stop(task: Task): void {
    const { timer } = task
    task.timer = undefined
    if (timer !== undefined) timer.interruptUnsafe()
  }
}
