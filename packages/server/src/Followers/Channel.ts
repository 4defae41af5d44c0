/**
 * All followers of one execution. One reader feeds them: each event is serialised and framed once,
 * whatever their number.
 *
 * The newest events are kept as frames; followers further behind read pages of the log, which they
 * share too. Every follower receives exactly the stored events after its cursor, in order; deltas
 * only while it is up to date.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Data from "effect/Data"
import * as Frame from "./Frame.ts"
import { closeCodes, type Follower } from "./Follower.ts"

/** Events kept as frames, at most. */
const keptEvents = 2_048
/** Bytes kept as frames, at most (beyond one event). */
const keptBytes = 4 * 1024 * 1024
/** Events of a page of the log. */
export const pageSize = 128
/** Pages kept for followers that catch up at the same time. */
const keptPages = 4

/** Frames of stored events, of which the first has the seq `from`. */
interface Page {
  readonly from: number
  readonly frames: ReadonlyArray<Buffer>
}

/** The follower has seen more events than the execution has. */
export class AfterEnd extends Data.TaggedError("AfterEnd")<{ readonly after: number; readonly lastSeq: number }> {}

/** The code and reason that a socket is closed with after a failure. */
export const closing = (error: unknown): readonly [code: number, reason: string] => {
  if (error instanceof AfterEnd) {
    return [closeCodes.badAfter, `after is ${error.after}, but the last seq is ${error.lastSeq}`]
  }
  const reason = error instanceof EventLog.EventLogError ? error.reason._tag : undefined
  if (reason === "Gone") return [closeCodes.gone, "the execution was deleted"]
  if (reason === "CursorExpired") {
    return [closeCodes.gone, "events after this cursor were deleted because of their age; start without after"]
  }
  if (reason === "InvalidCursor") return [closeCodes.badAfter, "after must be the cursor of an event of this feed"]
  if (reason === "UnknownExecution") return [closeCodes.unknown, "there is no such execution"]
  return [closeCodes.fault, "the log cannot be read"]
}

export interface Options {
  /** The last stored seq when the channel was opened. */
  readonly lastSeq: number
  readonly isEnded: boolean
  /** Stored events after a seq, at most `pageSize`. */
  readonly read: (after: number) => Promise<ReadonlyArray<ExecutionEvent.ExecutionEvent>>
}

export class Channel {
  readonly followers = new Set<Follower>()
  /** The last seq that is known here. */
  lastSeq: number
  isEnded: boolean
  private frames: Array<Buffer> = []
  private bytes = 0
  private readonly pages = new Map<number, Promise<Page>>()
  private readonly read: Options["read"]

  constructor(options: Options) {
    this.lastSeq = options.lastSeq
    this.isEnded = options.isEnded
    this.read = options.read
  }

  /** The seq of the first kept frame. */
  private get firstSeq(): number {
    return this.lastSeq - this.frames.length + 1
  }

  join(follower: Follower) {
    this.followers.add(follower)
    follower.onDrain(() => this.pump(follower))
    follower.onClose(() => this.followers.delete(follower))
    this.pump(follower)
  }

  /** Input from the reader, in order: stored events after `lastSeq`, and deltas between them. */
  push(events: ReadonlyArray<ExecutionEvent.Followed>) {
    let stored: Array<Buffer> = []
    let deltas: Array<Buffer> = []
    for (const event of events) {
      const frame = Frame.encode(JSON.stringify(event))
      if (ExecutionEvent.isStored(event)) {
        if (deltas.length > 0) this.giveDeltas(deltas)
        deltas = []
        if (event.seq !== this.lastSeq + stored.length + 1) {
          throw new Error(`Expected seq ${this.lastSeq + stored.length + 1} from the log, got ${event.seq}.`)
        }
        stored.push(frame)
        if (event.type === "ExecutionEnded") this.isEnded = true
      } else {
        if (stored.length > 0) this.giveStored(stored)
        stored = []
        deltas.push(frame)
      }
    }
    if (stored.length > 0) this.giveStored(stored)
    if (deltas.length > 0) this.giveDeltas(deltas)
  }

  closeAll(code: number, reason: string) {
    for (const follower of this.followers) follower.close(code, reason)
  }

  private giveStored(frames: ReadonlyArray<Buffer>) {
    const before = this.lastSeq
    this.lastSeq += frames.length
    for (const frame of frames) {
      this.frames.push(frame)
      this.bytes += frame.length
    }
    this.forget()
    const together = frames.length === 1 ? frames[0]! : Buffer.concat(frames)
    for (const follower of this.followers) {
      if (follower.cursor === before && follower.hasRoom) {
        follower.send(together, this.lastSeq)
        if (this.isEnded) follower.close(closeCodes.ended, "ended")
      } else {
        this.pump(follower)
      }
    }
  }

  private giveDeltas(frames: ReadonlyArray<Buffer>) {
    const together = frames.length === 1 ? frames[0]! : Buffer.concat(frames)
    for (const follower of this.followers) if (follower.cursor === this.lastSeq) follower.sendDeltas(together)
  }

  private forget() {
    let drop = Math.max(0, this.frames.length - keptEvents)
    for (let i = 0; i < drop; i++) this.bytes -= this.frames[i]!.length
    while (this.bytes > keptBytes && drop < this.frames.length - 1) this.bytes -= this.frames[drop++]!.length
    if (drop > 0) this.frames = this.frames.slice(drop)
  }

  /**
   * Sends a follower what it lacks, as far as there is room; `drain` and arriving pages call again.
   */
  private pump(follower: Follower) {
    while (follower.isOpen && !follower.isLoading && follower.cursor < this.lastSeq && follower.hasRoom) {
      const index = follower.cursor + 1 - this.firstSeq
      if (index < 0) return this.load(follower, false)
      follower.sendEach(this.frames.slice(index), (seq) => seq + 1)
    }
    if (this.isEnded && follower.cursor >= this.lastSeq && follower.isOpen) follower.close(closeCodes.ended, "ended")
  }

  private load(follower: Follower, isSecond: boolean) {
    follower.isLoading = true
    const after = Math.floor(follower.cursor / pageSize) * pageSize
    this.page(after, isSecond).then(
      ({ from, frames }) => {
        follower.isLoading = false
        if (!follower.isOpen) return
        const rest = frames.slice(follower.cursor + 1 - from)
        if (rest.length > 0) {
          follower.sendEach(rest, (seq) => seq + 1)
          return this.pump(follower)
        }
        // The page was read before it contained the event: read it again from the log.
        if (isSecond) return follower.close(closeCodes.fault, "the log cannot be read")
        this.load(follower, true)
      },
      (error: unknown) => {
        follower.isLoading = false
        follower.close(...closing(error))
      }
    )
  }

  private page(after: number, isFresh: boolean): Promise<Page> {
    const known = this.pages.get(after)
    if (known !== undefined && !isFresh) return known
    const page = this.read(after).then((events) => ({
      from: after + 1,
      frames: events.map((event) => Frame.encode(JSON.stringify(event)))
    }))
    this.pages.delete(after)
    this.pages.set(after, page)
    page.catch(() => this.pages.delete(after))
    for (const oldest of this.pages.keys()) {
      if (this.pages.size <= keptPages) break
      this.pages.delete(oldest)
    }
    return page
  }
}
