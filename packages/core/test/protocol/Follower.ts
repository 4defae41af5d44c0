/**
 * A modelled follower: subscribes, reads pages from the log, waits for a hint or a while. It may be
 * cut, and come back.
 */
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import { Violation } from "../simulation/Witness.ts"
import type { Act, World } from "./World.ts"

const pageSize = 4
/** Steps after which it looks without a hint. */
const patience = 60

/** The events it has seen, kept across connections. */
export interface Self {
  cursor: number
  ended: boolean
}

export function* follow(world: World, self: Self): Act {
  const { log, rules } = world
  while (!self.ended) {
    const early = rules.subscribeFirst ? log.subscribe() : undefined
    const page = log.store.read(self.cursor, pageSize)
    yield
    for (const event of page) see(self, event)
    if (page.length > 0) continue
    const hint = early ?? log.subscribe()
    const until = log.now + patience
    while (!hint.woken && !(rules.followerPolls && log.now >= until)) yield
  }
}

const see = (self: Self, event: ExecutionEvent.ExecutionEvent): void => {
  if (event.seq !== self.cursor + 1)
    throw new Violation("follower", `it saw ${event.seq}:${event.type} after ${self.cursor}`)
  self.cursor = event.seq
  self.ended = event.type === "ExecutionEnded"
}
