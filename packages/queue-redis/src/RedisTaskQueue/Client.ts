/**
 * Sends operations in steps: two at a time are under way, so that Redis has something to do while this process works on an answer, and
 * all that comes meanwhile goes with the next. A step whose reply is lost is sent again under the same number, and done once. Of two
 * operations that are under way at the same time either may be done first.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Lease } from "@crewline/core/TaskQueue"
import { RedisTransport } from "../RedisTransport.ts"
import * as BusyPoll from "./BusyPoll.ts"
import * as Holdings from "./Holdings.ts"
import type { Keys } from "./Keys.ts"
import { encode, parseMember, separator } from "./Names.ts"
import * as Scripts from "./Scripts.ts"

export interface Settings {
  readonly lanes: { readonly [lane: string]: number }
  readonly leaseMillis: number
  readonly giveUpMillis: number
  readonly pollMillis: number
  /** Tasks that are handed out in one step, at most. */
  readonly maxBatch: number
  readonly busyPollMicros: number
}

/** One operation: its name and arguments. `index` gives the place of an execution among the step's keys. */
type Operation = (index: (executionId: string) => number) => ReadonlyArray<unknown>

interface Call {
  /** Settled tasks: what a step has of one execution becomes one operation. */
  readonly operation: Operation | { readonly executionId: string; readonly settled: ReadonlyArray<string> }
  /** `undefined`: it is not known whether it was done. */
  readonly done: (result: unknown) => void
}

/** Leases that are lost, by worker, until it asks for them. */
export type Losses = Map<string, { leases: Array<Lease>; wake: (() => void) | undefined }>

/** How many tasks a worker has room for. */
export interface Wish {
  readonly worker: string
  readonly limit: number
  readonly lanes: { readonly [lane: string]: number } | undefined
}

interface Taker extends Wish {
  readonly give: (leases: NonEmptyReadonlyArray<Lease>) => void
  /** Interrupted: what is claimed for it now is given back. */
  gone: boolean
  claiming: boolean
  /** Something may be ready for it. */
  hopeful: boolean
  /** Called when a claim that was under way is over. */
  settled: (() => void) | undefined
}

/** Of the steps that go one after the other. */
interface Track {
  /** Where Redis keeps the last reply. */
  readonly reply: string
  request: number
}

/** Somebody else carries the word that something is ready. */
export interface Bell {
  /** Passes bells on; a bell that was passed on before does no harm. */
  readonly ring: (bells: ReadonlyArray<Ready>) => Effect.Effect<void>
  /** Waits for a bell. Asked for only while somebody waits for tasks. */
  readonly heard: Effect.Effect<Ready>
}

/** A task that became ready. */
export interface Ready {
  /** Of this activation; no other has it. */
  readonly number: string
  readonly executionId: string
  readonly taskId: string
}

/** Bells that are passed on together. */
const bellsAtOnce = 500
/** Operations in one step, at most: a script keeps the server from everything else. */
const maxOperations = 256

export const make = Effect.fnUntraced(function* (
  settings: Settings,
  keys: Keys,
  losses: Losses,
  bell: Bell | undefined
) {
  const transport = yield* RedisTransport
  const clock = yield* Clock.Clock
  const id = (yield* Random.next).toString(36).slice(2, 12)
  const calls: Array<Call> = []
  const takers: Array<Taker> = []
  const held = Holdings.make()
  const busyPoll = BusyPoll.make(settings.busyPollMicros)
  /** How often something may have become ready. */
  let news = 0
  /** Claims that are under way. */
  let claims = 0
  /** The last claim has got all that it asked for. */
  let isPlenty = false
  /** In how many milliseconds something becomes ready by itself. */
  let nextMillis = settings.pollMillis
  /** Those who wait until there is something to send. */
  const idle: Array<() => void> = []
  /** Called when somebody begins to wait for tasks. */
  let taken: (() => void) | undefined
  let mustRing = () => {}
  /** Called when something may be ready for which nobody waits here any more. */
  let unheard = () => {}

  // Encoded as the scripts compare them.
  const lanes = Object.fromEntries(Object.entries(settings.lanes).map(([lane, limit]) => [encode(lane), limit]))
  const monotonic = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)

  /** One of them was called, and has not sent anything yet. */
  let isRising = false
  const awaken = () => {
    const wake = isRising ? undefined : idle.shift()
    if (wake === undefined) return
    isRising = true
    wake()
  }

  /** Something may be ready for those who wait. */
  const hope = () => {
    news++
    for (const taker of takers) taker.hopeful = true
    awaken()
  }

  const lose = (lease: Lease) => {
    if (!held.remove(lease)) return
    const entry = losses.get(lease.worker) ?? { leases: [], wake: undefined }
    losses.set(lease.worker, entry)
    entry.leases.push(lease)
    entry.wake?.()
  }

  yield* transport.listen(
    keys.channel,
    (message) => {
      if (message === "ready") return hope()
      for (const [worker, nonce] of JSON.parse(message) as ReadonlyArray<readonly [string, string]>) {
        const entry = held.get(Number(nonce))
        if (entry !== undefined && encode(entry.lease.worker) === worker) lose(entry.lease)
      }
    },
    () => hope()
  )

  /** What every script is given first. */
  const head = [
    "",
    [
      id,
      settings.leaseMillis,
      settings.giveUpMillis * 2,
      bell === undefined ? "" : "1",
      Object.keys(lanes).length === 0 ? "" : JSON.stringify(lanes)
    ].join(separator)
  ]

  /** Again and again while Redis cannot be reached; in the end the call counts as lost. */
  const run = (script: Scripts.Script, names: ReadonlyArray<string>, args: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      const until = monotonic() + settings.giveUpMillis
      const attempt = (pause: number): Effect.Effect<unknown> =>
        Effect.catch(transport.run(script, names, args), (failure) =>
          monotonic() >= until
            ? Effect.asVoid(Effect.logWarning(`The queue could not reach Redis: ${causeOf(failure)}`))
            : Effect.andThen(
                Effect.sleep(pause),
                Effect.suspend(() => attempt(Math.min(pause * 2, 1_000)))
              )
        )
      return attempt(20)
    })

  const step = (track: Track, batch: ReadonlyArray<Call>) => {
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
    const answered = busyPoll(
      run(
        isUsual ? Scripts.turn : Scripts.step,
        [...keys.fixed, track.reply, ...ids.map(keys.execution)],
        [...head, String(++track.request), JSON.stringify(operations)]
      )
    )
    return Effect.map(answered, (answer) => {
      if (answer === undefined) {
        for (const { done } of batch) done(undefined)
        return
      }
      const reply = JSON.parse(answer as string) as { readonly results: ReadonlyArray<unknown>; readonly next: number }
      nextMillis = reply.next < 0 ? settings.pollMillis : Math.min(reply.next + 1, settings.pollMillis)
      for (let i = 0; i < batch.length; i++) batch[i]!.done(reply.results[places[i]!])
      mustRing()
    })
  }

  const claim = ({ lanes, limit, worker }: Wish): Operation => {
    const quota =
      lanes === undefined
        ? false
        : Object.fromEntries(Object.entries(lanes).map(([lane, free]) => [encode(lane), free]))
    return () => ["claim", encode(worker), Math.min(limit, settings.maxBatch), quota]
  }

  /** Of one claim: the number of the first lease, and the members; with those that timed out, which run it was. */
  const claimed = (result: unknown, worker: string): ReadonlyArray<Lease> => {
    if (!Array.isArray(result) || result.length === 0) return []
    const [first, members, timedOut] = result as [string, ReadonlyArray<string>, { readonly [place: string]: string }?]
    const nonce = Number(first)
    return members.map((member, index) => {
      const run = timedOut?.[index + 1]
      return {
        ...parseMember(member),
        worker,
        nonce: nonce + index,
        timedOut: run === undefined ? undefined : Number(run)
      }
    })
  }

  /** What a waiting taker asks for, as a part of the next step. */
  const claimFor = (taker: Taker): Call => {
    const askedAt = monotonic()
    const askedAfter = news
    const most = Math.min(taker.limit, settings.maxBatch)
    taker.claiming = true
    taker.hopeful = false
    claims++
    return {
      operation: claim(taker),
      done: (result) => {
        taker.claiming = false
        claims--
        const leases = claimed(result, taker.worker)
        isPlenty = leases.length === most
        // It would have taken more: for the others there is nothing either.
        if (result !== undefined && leases.length < most && taker.lanes === undefined && news === askedAfter) {
          for (const other of takers) other.hopeful = false
        }
        if (taker.gone) {
          let left = leases.length
          if (left === 0) return taker.settled?.()
          for (const lease of leases) release(lease, 0, () => --left === 0 && taker.settled?.())
          return
        }
        if (leases.length === 0) return
        for (const lease of leases) held.add(lease, askedAt)
        takers.splice(takers.indexOf(taker), 1)
        if (takers.length === 0 && news !== askedAfter) unheard()
        taker.give(leases as [Lease, ...Array<Lease>])
      }
    }
  }

  const push = (operation: Call["operation"], done: (result: unknown) => void) => {
    calls.push({ operation, done })
    awaken()
  }

  const release = (lease: Lease, delayMillis: number, done: (result: unknown) => void) =>
    push((index) => ["release", index(lease.executionId), encode(lease.taskId), String(lease.nonce), delayMillis], done)

  const hopeful = () => takers.find((taker) => !taker.claiming && taker.hopeful)
  /** A claim alone waits for the one that is under way, unless there is plenty: nothing may be left for it. */
  const isAsked = () => calls.length > 0 || ((claims === 0 || isPlenty) && hopeful() !== undefined)

  /** Until there may be something to send. */
  const something = Effect.suspend(() => {
    const woken = Effect.callback<void>((resume) => {
      const wake = () => resume(Effect.void)
      idle.push(wake)
      return Effect.sync(() => {
        const at = idle.indexOf(wake)
        if (at >= 0) idle.splice(at, 1)
      })
    })
    // With a claim under way its answer says when to look again.
    if (takers.length === 0 || claims > 0) return woken
    return Effect.asVoid(Effect.raceFirst(woken, Effect.andThen(Effect.sleep(nextMillis), Effect.sync(hope))))
  })

  const follow = (track: Track) =>
    Effect.gen(function* () {
      // Who was answered has asked for what follows by now. Who comes by himself is seldom alone: the others go along.
      while (!isAsked()) {
        yield* Effect.andThen(something, Effect.yieldNow)
        isRising = false
      }
      const batch = calls.splice(0, maxOperations)
      // One in a step: the others come with the next, while Redis is at work on this one.
      const taker = hopeful() ?? takers.find(({ claiming }) => !claiming)
      if (taker !== undefined) batch.push(claimFor(taker))
      if (isAsked()) awaken()
      yield* step(track, batch)
    }).pipe(
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.logError("The queue's client failed", cause)
      )
    )
  for (const name of ["a", "b"]) {
    yield* Effect.forkScoped(Effect.forever(follow({ reply: keys.reply(`${id}-${name}`), request: 0 })))
  }

  if (bell !== undefined) {
    const again = (ready: Ready) => bell.ring([{ ...ready, number: `${ready.number}-again` }])
    let last: Ready | undefined
    const fork = Effect.runForkWith(yield* Effect.context())
    unheard = () => {
      if (last !== undefined) fork(again(last))
      last = undefined
    }
    let isDue = true
    let awaited: (() => void) | undefined
    mustRing = () => {
      isDue = true
      awaited?.()
    }
    // Written with what made the tasks ready, passed on afterwards, by whoever comes by: also for one who died in between.
    const passOn = Effect.gen(function* () {
      if (!isDue) {
        yield* Effect.callback<void>((resume) => {
          awaited = () => resume(Effect.void)
          return Effect.sync(() => {
            awaited = undefined
          })
        }).pipe(Effect.timeoutOption(settings.pollMillis))
      }
      isDue = false
      for (;;) {
        const found = yield* run(Scripts.outbox, keys.fixed, [...head, String(bellsAtOnce)])
        const bells = (found ?? []) as ReadonlyArray<string>
        if (bells.length === 0) return
        yield* bell.ring(
          bells.map((each) => {
            const end = each.indexOf(separator)
            const { executionId, taskId } = parseMember(each.slice(end + 1))
            return { number: each.slice(0, end), executionId, taskId }
          })
        )
        yield* run(Scripts.rung, keys.fixed, [...head, JSON.stringify(bells)])
      }
    })
    yield* Effect.forkScoped(Effect.forever(passOn))
    yield* Effect.forkScoped(
      Effect.forever(
        Effect.gen(function* () {
          while (takers.length === 0) {
            yield* Effect.callback<void>((resume) => {
              taken = () => resume(Effect.void)
              return Effect.sync(() => {
                taken = undefined
              })
            })
          }
          last = yield* bell.heard
          hope()
          // Whoever waited here has been served meanwhile: others may still wait.
          if (takers.length === 0) yield* again(last)
        })
      )
    )
  }

  const ask = (operation: Call["operation"]): Effect.Effect<unknown> =>
    Effect.callback((resume) => push(operation, (result) => resume(Effect.succeed(result))))

  return {
    id,
    held,
    lose,
    monotonic,
    ask,
    run,
    head,
    mustRing: () => mustRing(),
    /** What is ready now, without waiting. */
    poll: (wish: Wish): Effect.Effect<ReadonlyArray<Lease>> =>
      Effect.suspend(() => {
        const askedAt = monotonic()
        return Effect.map(ask(claim(wish)), (result) => {
          const leases = claimed(result, wish.worker)
          for (const lease of leases) held.add(lease, askedAt)
          return leases
        })
      }).pipe(Effect.uninterruptible),
    /** Waits in line; what is found is given, once. The answer leaves the line, and gives back what was found too late. */
    wait: (wish: Wish, give: Taker["give"]): ((left: () => void) => void) => {
      const taker: Taker = { ...wish, give, gone: false, claiming: false, hopeful: true, settled: undefined }
      takers.push(taker)
      awaken()
      taken?.()
      return (left) => {
        taker.gone = true
        const at = takers.indexOf(taker)
        if (at >= 0) takers.splice(at, 1)
        if (!taker.claiming) return left()
        taker.settled = left
      }
    }
  }
})

const causeOf = (error: { readonly cause: unknown }): string =>
  error.cause instanceof Error ? error.cause.message : String(error.cause)
