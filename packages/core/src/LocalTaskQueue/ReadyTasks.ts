/**
 * The tasks that may be handed out, in the order in which they are: lanes with room only; among
 * tenants the one that was served least, within a tenant by priority, then by age, where each task
 * on the longest way to a final task counts like a second of waiting. By the way alone, what comes
 * last in an execution would wait for as long as others begin.
 */
import type { Priority } from "../ExecutionEvent.ts"

/** Of a worker's lanes the one that stands for all others. */
const defaultLane = "default"

/** What the order depends on. */
export interface Ranked {
  readonly lane: string
  readonly tenant: string
  readonly priority: Priority
  /** Longest way to a final task, in tasks. */
  readonly depth: number
  /** When it became ready, in microseconds, by a clock that tells no time twice. */
  readonly age: number
}

/** How much longer a task counts as waiting for each task that follows it on its longest way. */
const microsPerDepth = 1_000_000

const tiers: { readonly [P in Priority]: number } = { high: 0, normal: 1, low: 2 }

const isBefore = (a: Ranked, b: Ranked): boolean => {
  if (a.priority !== b.priority) return tiers[a.priority] < tiers[b.priority]
  const [one, other] = [a.age - a.depth * microsPerDepth, b.age - b.depth * microsPerDepth]
  return one === other ? a.depth > b.depth : one < other
}

/** What one tenant has ready in one lane: a binary heap. */
class Share<A extends Ranked> {
  readonly items: Array<A> = []
  readonly lane: string
  /** Where it stands in its turn: one more with every task that is handed out. */
  turn: number
  constructor(lane: string, turn: number) {
    this.lane = lane
    this.turn = turn
  }
  push(item: A): void {
    const { items } = this
    let at = items.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(item, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }
  pop(): A | undefined {
    const { items } = this
    const first = items[0]
    const last = items.pop()
    if (items.length === 0 || last === undefined) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && isBefore(items[child + 1]!, items[child]!)) child++
      if (!isBefore(items[child]!, last)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
    return first
  }
}

export class ReadyTasks<A extends Ranked> {
  private readonly shares = new Map<string, Share<A>>()
  /** Entries that are not ready any more: passed over when they come out. */
  private readonly gone = new Set<A>()
  private readonly members = new Set<A>()
  private readonly counts = new Map<string, number>()
  private floor = 0

  get isEmpty(): boolean {
    return this.members.size === 0
  }

  add(item: A): void {
    const key = `${item.lane}\0${item.tenant}`
    let share = this.shares.get(key)
    if (share === undefined) {
      // Absence earns no credit.
      share = new Share(item.lane, this.floor)
      this.shares.set(key, share)
    }
    this.members.add(item)
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1)
    if (!this.gone.delete(item)) share.push(item)
  }

  remove(item: A): void {
    if (!this.members.has(item)) return
    this.gone.add(item)
    this.left(item)
  }

  /** The next one, among the lanes that may. */
  next(mayTake: (lane: string) => boolean): A | undefined {
    let best: { readonly key: string; readonly share: Share<A> } | undefined
    for (const [key, share] of this.shares) {
      if (!mayTake(share.lane)) continue
      if (best === undefined || share.turn < best.share.turn || (share.turn === best.share.turn && key < best.key)) {
        best = { key, share }
      }
    }
    if (best === undefined) return undefined
    const { share } = best
    let item = share.pop()!
    while (this.gone.delete(item)) item = share.pop()!
    this.floor = Math.max(this.floor, share.turn)
    share.turn++
    this.left(item)
    return item
  }

  private left(item: A): void {
    this.members.delete(item)
    const key = `${item.lane}\0${item.tenant}`
    const count = this.counts.get(key)! - 1
    if (count > 0) {
      this.counts.set(key, count)
      return
    }
    this.counts.delete(key)
    for (const each of this.shares.get(key)!.items) this.gone.delete(each)
    this.shares.delete(key)
  }
}

/** How many more of each lane a worker takes; `default` counts for all lanes that are not named. */
export const quota = (lanes: { readonly [lane: string]: number } | undefined) => {
  if (lanes === undefined) return { has: () => true, take: () => {} }
  const left = new Map(Object.entries(lanes))
  const nameOf = (lane: string) => (left.has(lane) ? lane : defaultLane)
  return {
    has: (lane: string) => (left.get(nameOf(lane)) ?? 0) > 0,
    take: (lane: string) => void left.set(nameOf(lane), (left.get(nameOf(lane)) ?? 0) - 1)
  }
}
