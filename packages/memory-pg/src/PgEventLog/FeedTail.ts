/**
 * The newest events of the feed of one tenant, shared by its readers in this process. It starts
 * where the first reader has caught up, and grows as the reader continues.
 */
import type * as EventLog from "@crewline/core/EventLog"
import * as Feed from "@crewline/core/Feed"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Item } from "./FeedReader.ts"

/** Events kept, at most. */
const keptEvents = 1_024
/** Text kept, in characters, at most, beyond one event. */
const keptLength = 4 * 1024 * 1024

export class FeedTail {
  readonly tenant: string
  /** Readers that are up to date, or have been. */
  followers = 0
  /** Open: there may be something new. */
  readonly news = Latch.makeUnsafe(false)
  /** Why it is not read on; its followers fail with it. */
  failure: EventLog.EventLogError | undefined
  private items: Array<Item> = []
  private length = 0
  /** Before the first kept event. */
  begin: Feed.Place
  private readonly waiting = new Set<() => void>()

  constructor(tenant: string, begin: Feed.Place) {
    this.tenant = tenant
    this.begin = begin
  }

  /** Where its reader continues. */
  get end(): Feed.Place {
    return this.items.at(-1)?.place ?? this.begin
  }

  /**
   * Events after a place; `undefined`: some of them are not kept here, or the place has not been
   * reached yet.
   */
  after(place: Feed.Place, limit: number): ReadonlyArray<Item> | undefined {
    if (Feed.compare(place, this.begin) < 0 || Feed.compare(place, this.end) > 0) return undefined
    let low = 0
    let high = this.items.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (Feed.compare(this.items[middle]!.place, place) <= 0) low = middle + 1
      else high = middle
    }
    return this.items.slice(low, low + limit)
  }

  push(items: ReadonlyArray<Item>): void {
    for (const item of items) {
      this.items.push(item)
      this.length += item.length
    }
    let drop = Math.max(0, this.items.length - keptEvents)
    for (let i = 0; i < drop; i++) this.length -= this.items[i]!.length
    while (this.length > keptLength && drop < this.items.length - 1) this.length -= this.items[drop++]!.length
    if (drop > 0) {
      this.begin = this.items[drop - 1]!.place
      this.items = this.items.slice(drop)
    }
    this.wake()
  }

  fail(failure: EventLog.EventLogError): void {
    this.failure = failure
    this.wake()
  }

  /** Ends when there is more, or a failure. */
  readonly more: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const waiter = () => resume(Effect.void)
    this.waiting.add(waiter)
    return Effect.sync(() => this.waiting.delete(waiter))
  })

  private wake(): void {
    const waiting = Array.from(this.waiting)
    this.waiting.clear()
    for (const resume of waiting) resume()
  }
}
