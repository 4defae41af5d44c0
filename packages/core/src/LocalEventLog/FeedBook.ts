/**
 * The feed of one tenant in memory: its appends in the order in which they were made. They are
 * numbered per tenant. The place of an event is the number of its append and its `seq`.
 */
import type { ExecutionEvent } from "../ExecutionEvent.ts"
import * as Feed from "../Feed.ts"
import * as FeedCursor from "./FeedCursor.ts"

/** What an execution has of the feed. */
export interface Source {
  readonly crewName: string
  readonly crewId: string | undefined
  readonly events: ReadonlyArray<ExecutionEvent>
  /** It is not remembered any more: its events are not in the feed. */
  isForgotten: boolean
  /** The number of its appends. */
  appends: number
  /** The number of the last of them in its feed. */
  lastAppend: number
}

interface Append {
  readonly number: number
  readonly source: Source
  readonly first: number
  readonly last: number
}

/** Fewer dead appends than this are not worth a copy of the living. */
const minDead = 64

export class FeedBook {
  /** Part of every cursor. */
  private readonly mark: number
  private appends: Array<Append> = []
  /** The number of the last append. */
  private last = 0
  /** Appends of executions that are forgotten. */
  private dead = 0
  /** After this place nothing was deleted for its age. */
  private keptFrom: Feed.Place = [0n, 0n]
  private readonly waiting = new Set<() => void>()

  constructor(mark: number) {
    this.mark = mark
  }

  add(source: Source, first: number, last: number): void {
    const number = ++this.last
    source.appends++
    source.lastAppend = number
    this.appends.push({ number, source, first, last })
    if (this.waiting.size === 0) return
    const waiting = Array.from(this.waiting)
    this.waiting.clear()
    for (const resume of waiting) resume()
  }

  /** The execution is not remembered any more: because of its age, or since somebody deleted it. */
  forget(source: Source, isForAge: boolean): void {
    source.isForgotten = true
    const last = placeOf(source.lastAppend, source.events.length)
    if (isForAge && Feed.compare(this.keptFrom, last) < 0) this.keptFrom = last
    this.dead += source.appends
    if (this.dead < minDead || this.dead * 2 < this.appends.length) return
    this.appends = this.appends.filter((append) => !append.source.isForgotten)
    this.dead = 0
  }

  /** The place of a cursor of this feed; `undefined`: the cursor is invalid. */
  placeOf(cursor: string): Feed.Place | undefined {
    const place = FeedCursor.decode(this.mark, cursor)
    return place !== undefined && place[0]! <= this.last ? place : undefined
  }

  /** Whether something that comes after the place was deleted for its age. */
  hasExpired(place: Feed.Place): boolean {
    return Feed.compare(place, this.keptFrom) < 0
  }

  /** Events after a place, at most so many. */
  read([number, seq]: Feed.Place, limit: number): ReadonlyArray<Feed.Fed> {
    const found: Array<Feed.Fed> = []
    for (let i = this.indexOf(Number(number)); i < this.appends.length && found.length < limit; i++) {
      const append = this.appends[i]!
      if (append.source.isForgotten) continue
      const { crewId, crewName, events } = append.source
      const from = append.number === Number(number) ? Math.max(append.first, Number(seq) + 1) : append.first
      for (let at = from; at <= append.last && found.length < limit; at++) {
        found.push({
          cursor: FeedCursor.encode(this.mark, placeOf(append.number, at)),
          crewName,
          ...(crewId !== undefined && { crewId }),
          event: events[at - 1]!
        })
      }
    }
    return found
  }

  /** Calls back once, when there is something new; answers how to have that no more. */
  onNews(resume: () => void): () => void {
    this.waiting.add(resume)
    return () => this.waiting.delete(resume)
  }

  /** Of the first append with this number or a greater one. */
  private indexOf(number: number): number {
    let low = 0
    let high = this.appends.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.appends[middle]!.number < number) low = middle + 1
      else high = middle
    }
    return low
  }
}

const placeOf = (number: number, seq: number): Feed.Place => [BigInt(number), BigInt(seq)]
