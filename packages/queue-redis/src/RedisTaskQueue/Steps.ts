/**
 * Sends what is pending in steps: two at a time are under way, so that Redis has something to do
 * while this process works on an answer, and all that comes meanwhile goes with the next. A step
 * whose reply is lost is sent again under the same number, and done once. Of two operations that
 * are under way at the same time either may be done first.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as BusyPoll from "./BusyPoll.ts"
import type { Caller } from "./Caller.ts"
import type { Keys } from "./Keys.ts"
import { encode } from "./Names.ts"
import type { Pending, PendingCall } from "./Pending.ts"
import * as Scripts from "./Scripts.ts"
import type { WaitingLine } from "./WaitingLine.ts"

/** Operations in one step, at most: a script keeps the server from everything else. */
const maxOperations = 256

/** Of the steps that go one after the other. */
interface Track {
  /** Where Redis keeps the last reply. */
  readonly reply: string
  request: number
}

/** A batch of calls, as a step asks for them. */
const requestOf = (batch: ReadonlyArray<PendingCall>) => {
  const ids: Array<string> = []
  const indexes = new Map<string, number>()
  const index = (executionId: string) => {
    const known = indexes.get(executionId)
    if (known !== undefined) return known
    indexes.set(executionId, ids.length)
    return ids.push(encode(executionId)) - 1
  }
  const operations: Array<ReadonlyArray<unknown>> = []
  let isUsual = true
  /** Where the answer to each call stands. */
  const places: Array<number> = []
  /** Those that may still take more tasks: nothing else was asked about their execution since. */
  const open = new Map<string, { readonly at: number; readonly ids: Array<string> }>()
  for (const { operation } of batch) {
    if (typeof operation === "function") {
      const asked = operation((executionId) => {
        open.delete(executionId)
        return index(executionId)
      })
      isUsual &&= asked[0] === "claim"
      places.push(operations.push(asked) - 1)
      continue
    }
    const { executionId, settled } = operation
    let entry = open.get(executionId)
    if (entry === undefined) {
      entry = { at: operations.length, ids: [] }
      open.set(executionId, entry)
      operations.push(["settle", index(executionId), entry.ids])
    }
    places.push(entry.at)
    for (const id of settled) entry.ids.push(encode(id))
  }
  return { script: isUsual ? Scripts.turn : Scripts.step, ids, operations, places }
}

/** Forks the senders into the scope. */
export const run = Effect.fnUntraced(function* (options: {
  readonly caller: Caller
  readonly keys: Keys
  readonly pending: Pending
  readonly line: WaitingLine
  /** How long to wait at most until looking again. */
  readonly pollMillis: number
  readonly busyPollMicros: number
  /** After each step. */
  readonly onStep: () => void
}) {
  const { caller, keys, line, onStep, pending, pollMillis } = options
  const busyPoll = BusyPoll.make(options.busyPollMicros)
  /** In how many milliseconds something becomes ready by itself. */
  let nextMillis = pollMillis

  const send = (track: Track, batch: ReadonlyArray<PendingCall>) => {
    const { ids, operations, places, script } = requestOf(batch)
    const answered = busyPoll(
      caller.call(
        script,
        [track.reply, ...ids.map(keys.execution)],
        [String(++track.request), JSON.stringify(operations)]
      )
    )
    return Effect.map(answered, (answer) => {
      if (answer === undefined) {
        for (const { done } of batch) done(undefined)
        return
      }
      const reply = JSON.parse(answer as string) as { readonly results: ReadonlyArray<unknown>; readonly next: number }
      nextMillis = reply.next < 0 ? pollMillis : Math.min(reply.next + 1, pollMillis)
      for (let i = 0; i < batch.length; i++) batch[i]!.done(reply.results[places[i]!])
      onStep()
    })
  }

  const isAsked = () => !pending.isEmpty() || line.isAsking()
  const sleep = Effect.suspend(() =>
    pending.sleep(line.mustLook() ? Effect.andThen(Effect.sleep(nextMillis), Effect.sync(line.hope)) : undefined)
  )

  const follow = (track: Track) =>
    Effect.gen(function* () {
      while (!isAsked()) yield* sleep
      const batch = pending.take(maxOperations)
      // One claim in a step: the others come with the next, while Redis is at work on this one.
      const claim = line.nextClaim()
      if (claim !== undefined) batch.push(claim)
      if (isAsked()) pending.awaken()
      yield* send(track, batch)
    }).pipe(
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.logError("The queue client failed", cause)
      )
    )
  for (const name of ["a", "b"]) {
    yield* Effect.forkScoped(Effect.forever(follow({ reply: keys.reply(`${caller.id}-${name}`), request: 0 })))
  }
})
