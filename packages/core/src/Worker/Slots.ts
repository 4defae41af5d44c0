/** How many more tasks a worker may begin: in all, and of each lane. */
import * as Effect from "effect/Effect"
import * as Lanes from "./Lanes.ts"

export class Slots {
  /** Tasks that may be asked for now. */
  free: number
  readonly lanes: Lanes.WorkerLanes
  /** Called when there is more room, also while tasks are being asked for. */
  onRoom: (() => void) | undefined
  private readonly waiting: Array<() => void> = []

  constructor(concurrency: number, limits: { readonly [lane: string]: number } | undefined) {
    this.free = concurrency
    this.lanes = Lanes.make(limits, concurrency)
  }

  /** A task of this lane has begun; it was counted when it was asked for. */
  begin(lane: string): void {
    this.lanes.begin(lane)
  }

  end(lane: string): void {
    this.lanes.end(lane)
    this.free++
    this.wakeOne()
    this.onRoom?.()
  }

  /** One of those that wait for room looks again. */
  wakeOne(): void {
    this.waiting.shift()?.()
  }

  /** Waits until there may be room. */
  readonly hasRoom: Effect.Effect<void> = Effect.callback((resume) => {
    // Since whoever asks has looked, a task may have ended that woke nobody.
    if (this.free > 0) return resume(Effect.void)
    const wake = () => resume(Effect.void)
    this.waiting.push(wake)
    return Effect.sync(() => {
      const at = this.waiting.indexOf(wake)
      if (at >= 0) this.waiting.splice(at, 1)
    })
  })
}
