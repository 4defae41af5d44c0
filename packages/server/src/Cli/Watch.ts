/**
 * Starts a crew and shows it until it ends, or until it can only wait for people. In a terminal,
 * the person there is asked.
 *
 * When the fiber is interrupted (Control-C) the execution is cancelled, and its end is awaited and
 * shown, so nothing continues unseen.
 */
import type * as AskView from "@crewline/core/AskView"
import type * as Crew from "@crewline/core/Crew"
import * as Crewline from "@crewline/core/Crewline"
import * as Execution from "@crewline/core/Execution"
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import type * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Asking from "./Asking.ts"
import * as Live from "./Live.ts"
import * as Output from "./Output.ts"

export interface Options extends Pick<Live.Options, "json"> {
  readonly inputs: { readonly [name: string]: Schema.Json }
  /** True: the crew was generated. */
  readonly generated?: boolean
  /** The conversation that the execution continues. */
  readonly session: Option.Option<string>
  /** True: the execution outlives this process, and can be answered later. */
  readonly isKept: boolean
  /** Input while nothing is asked is a message to the manager or an agent. */
  readonly steer: boolean
}

/**
 * The execution waits only for people, and nobody is here to answer. An execution that is not
 * persistent was cancelled.
 */
export class WaitsForPeople extends Data.TaggedError("WaitsForPeople")<{
  readonly executionId: string
  readonly asks: ReadonlyArray<AskView.View>
  /** Names of the signals that are waited for. */
  readonly signals: ReadonlyArray<string>
}> {}

/** Returns the result of the execution; fails with `ExecutionFailed` if there is none. */
export const watch = Effect.fn("Watch.watch")(function* <Output>(crew: Crew.Crew<Output>, options: Options) {
  const { generated = false, inputs, isKept, json, session, steer } = options
  const crewline = yield* Crewline.Crewline
  const { keyboard } = yield* Output.Output
  const handle = yield* crewline.start(crew, {
    inputs,
    ...(generated && { generated }),
    ...(Option.isSome(session) && { sessionId: session.value })
  })
  const state: Asking.State = yield* SubscriptionRef.make<Execution.Execution | undefined>(undefined)
  const turn = Semaphore.makeUnsafe(1)
  const events = Stream.tap(handle.events, (event) =>
    ExecutionEvent.isStored(event)
      ? SubscriptionRef.update(state, (execution) =>
          execution === undefined ? Execution.fromEvents([event]) : Execution.apply(execution, event)
        )
      : Effect.void
  )
  const shown = yield* Effect.forkChild(Live.show(events, { json, turn }))
  const asked =
    keyboard === undefined || json ? Effect.void : Asking.ask({ executionId: handle.id, keyboard, state, steer, turn })
  const standsStill = Effect.as(Effect.andThen(asked, Asking.until(state, isStandstill)), "waits" as const)
  const outcome = yield* Effect.raceFirst(Effect.as(Fiber.join(shown), "ended" as const), standsStill).pipe(
    Effect.onInterrupt(() => Effect.andThen(Effect.ignore(crewline.cancel(handle.id)), Fiber.await(shown)))
  )
  if (outcome === "ended") return yield* handle.result
  const waiting = yield* waitsFor(handle.id)
  if (isKept) yield* Fiber.interrupt(shown)
  else yield* Effect.andThen(crewline.cancel(handle.id), Fiber.await(shown))
  return yield* waiting
})

/**
 * True when all open tasks wait for answers or signals, so that the passing of time changes
 * nothing.
 */
const isStandstill = (execution: Execution.Execution): boolean =>
  Execution.statusOf(execution) === "waiting" && !HashMap.some(execution.open, ({ kind }) => kind === "timer")

const waitsFor = Effect.fnUntraced(function* (executionId: string) {
  const crewline = yield* Crewline.Crewline
  const asks = yield* crewline.asks({ executionId, state: "open", limit: 1_000 })
  const { tasks } = yield* crewline.get(executionId)
  const open = Object.values(tasks).flatMap(({ waitingFor = [] }) => waitingFor)
  const signals = open.flatMap(({ id, kind }) => (kind === "signal" && id !== undefined ? [id] : []))
  return new WaitsForPeople({ executionId, asks, signals: [...new Set(signals)] })
})

/** An output as it is printed: text as it is, anything else as JSON. */
export const asText = (output: Schema.Json): string =>
  typeof output === "string" ? output : JSON.stringify(output, undefined, 2)
