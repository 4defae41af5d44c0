/**
 * Forwards the wake-up signals (bells) that the scripts write to their transport, and listens to
 * them while a worker waits for tasks. A bell is written together with the change that made a task
 * ready and is forwarded afterwards by any client, even if its writer has died.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Caller } from "./Caller.ts"
import { parseMember, separator } from "./Names.ts"
import * as Scripts from "./Scripts.ts"

/** Carries the word that something is ready, instead of Redis' channel. */
export interface Bell {
  /** Passes bells on; a bell that was passed on before does no harm. */
  readonly ring: (bells: ReadonlyArray<Ready>) => Effect.Effect<void>
  /** Waits for a bell. Used only while a worker waits for tasks. */
  readonly heard: Effect.Effect<Ready>
}

/** A task that became ready. */
export interface Ready {
  /** Of this activation; no other has it. */
  readonly number: string
  readonly executionId: string
  readonly taskId: string
}

export interface Bells {
  /** A script may have written bells. */
  readonly mustRing: () => void
  /** A worker began to wait. */
  readonly joined: () => void
  /** Something may be ready for which nobody waits here any more: it is rung for once more. */
  readonly unheard: () => void
  /** Forks what passes bells on and what listens to them into the scope. */
  readonly run: (line: {
    readonly isEmpty: () => boolean
    readonly hope: () => void
  }) => Effect.Effect<void, never, Scope.Scope>
}

/** Bells that are passed on together. */
const bellsAtOnce = 500

/** Where Redis' channel does it. */
export const none: Bells = { mustRing: () => {}, joined: () => {}, unheard: () => {}, run: () => Effect.void }

export const make = Effect.fnUntraced(function* (bell: Bell, caller: Caller, pollMillis: number) {
  const fork = Effect.runForkWith(yield* Effect.context())
  const again = (ready: Ready) => bell.ring([{ ...ready, number: `${ready.number}-again` }])
  /** The bell that was heard last, and not rung for once more. */
  let last: Ready | undefined
  let isDue = true
  let wakeRinger: (() => void) | undefined
  let wakeListener: (() => void) | undefined

  const passOn = Effect.gen(function* () {
    if (!isDue) {
      yield* called((wake) => (wakeRinger = wake)).pipe(Effect.timeoutOption(pollMillis))
    }
    isDue = false
    for (;;) {
      const found = yield* caller.call(Scripts.outbox, [], [String(bellsAtOnce)])
      const bells = (found ?? []) as ReadonlyArray<string>
      if (bells.length === 0) return
      yield* bell.ring(bells.map(parse))
      yield* caller.call(Scripts.rung, [], [JSON.stringify(bells)])
    }
  })

  const bells: Bells = {
    mustRing: () => {
      isDue = true
      wakeRinger?.()
    },
    joined: () => wakeListener?.(),
    unheard: () => {
      if (last !== undefined) fork(again(last))
      last = undefined
    },
    run: Effect.fnUntraced(function* (line) {
      const listen = Effect.gen(function* () {
        while (line.isEmpty()) yield* called((wake) => (wakeListener = wake))
        last = yield* bell.heard
        line.hope()
        // Whoever waited here has been served meanwhile: others may still wait.
        if (line.isEmpty()) yield* again(last)
      })
      yield* Effect.forkScoped(Effect.forever(passOn))
      yield* Effect.forkScoped(Effect.forever(listen))
    })
  }
  return bells
})

/** A bell as it stands in the outbox: its number, then the member. */
const parse = (text: string): Ready => {
  const end = text.indexOf(separator)
  const { executionId, taskId } = parseMember(text.slice(end + 1))
  return { number: text.slice(0, end), executionId, taskId }
}

/** Waits until the function that is kept is called. */
const called = (keep: (wake: (() => void) | undefined) => void) =>
  Effect.callback<void>((resume) => {
    keep(() => resume(Effect.void))
    return Effect.sync(() => keep(undefined))
  })
