/**
 * When a server is killed: moments drawn from a seed, by the clock and by observed events. The
 * clock counts in start times of the server, about a second each, so that a slow machine is killed
 * in the same phases as a fast one.
 */
import { setTimeout as sleep } from "node:timers/promises"
import * as Seeded from "../../../core/test/simulation/Random.ts"
import type { Event, Follower } from "./Follower.ts"

export type Moment =
  /** While clients post: between the request and its response, between log and queue. */
  | { readonly kind: "posting"; readonly millis: number }
  /**
   * While the server starts, reads its log, waits for leases to expire and takes over executions.
   */
  | { readonly kind: "starting"; readonly starts: number }
  /** A delay after the server was seen at work. */
  | { readonly kind: "running"; readonly starts: number }
  /** Right after a number of further events. */
  | { readonly kind: "events"; readonly count: number }
  /** A delay after the next event of a type, if one comes soon. */
  | { readonly kind: "type"; readonly type: string; readonly millis: number }

/** Numbers in [0, 1) from a seed. */
export type Random = Seeded.Random["next"]

export const seeded = (seed: number): Random => Seeded.make(seed).next

const types = [
  "TaskStarted",
  "TurnCompleted",
  "TurnCompleted",
  "ToolCalled",
  "ToolCalled",
  "TaskCompleted",
  "OutputRejected",
  "TaskRetried",
  "GuardrailJudged"
]

const kinds = ["starting", "running", "events", "type", "events", "type"] as const

/**
 * The next moment. The first of a round may be while clients post, and cannot be while the server
 * starts.
 */
export const draw = (random: Random, isFirst: boolean): Moment => {
  const kind = isFirst && random() < 0.5 ? "posting" : kinds[Math.floor(random() * kinds.length)]!
  switch (kind) {
    case "posting":
      return { kind, millis: random() * 40 }
    case "starting":
      return isFirst ? { kind: "running", starts: random() * 0.5 } : { kind, starts: 0.2 + random() * 1.6 }
    case "running":
      return { kind, starts: random() * 0.6 }
    case "events":
      return { kind, count: 1 + Math.floor(random() * 14) }
    case "type":
      return { kind, type: types[Math.floor(random() * types.length)]!, millis: random() < 0.5 ? 0 : random() * 12 }
  }
}

export const toText = (moment: Moment): string => (moment.kind === "type" ? `after ${moment.type}` : moment.kind)

/** Waits for the next event of any of these executions that satisfies `isIt`. */
export const seen = (followers: ReadonlyArray<Follower>, isIt: (event: Event) => boolean): Promise<void> =>
  new Promise((resolve) => {
    const listener = (event: Event) => {
      if (!isIt(event)) return
      for (const { listeners } of followers) listeners.delete(listener)
      resolve()
    }
    for (const { listeners } of followers) listeners.add(listener)
  })

/** Waits for the moment, from now on. */
export const wait = async (moment: Moment, followers: ReadonlyArray<Follower>, startMillis: number): Promise<void> => {
  switch (moment.kind) {
    case "posting":
      await sleep(moment.millis)
      return
    case "running":
      await seen(followers, () => true)
      await sleep(moment.starts * startMillis)
      return
    case "starting":
      await sleep(moment.starts * startMillis)
      return
    case "events": {
      let left = moment.count
      await seen(followers, () => --left === 0)
      return
    }
    case "type":
      // Not every type occurs again: then any moment is as good.
      await Promise.race([seen(followers, ({ type }) => type === moment.type), sleep(3 * startMillis)])
      if (moment.millis > 0) await sleep(moment.millis)
  }
}
