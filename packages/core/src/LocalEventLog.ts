/**
 * The event log in the memory of one process.
 *
 * Everything of an append happens in one synchronous step of one fiber, so it is atomic without a
 * lock; nothing is decoded or copied deeply, so an append costs a few microseconds. The objects
 * that were appended or read must not be changed afterwards.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as EventLog from "./EventLog.ts"
import * as Appending from "./LocalEventLog/Appending.ts"
import * as Asking from "./LocalEventLog/Asking.ts"
import * as Feeding from "./LocalEventLog/Feeding.ts"
import * as LocalOutbox from "./LocalEventLog/Outbox.ts"
import * as Owning from "./LocalEventLog/Owning.ts"
import * as Reading from "./LocalEventLog/Reading.ts"
import * as Retaining from "./LocalEventLog/Retaining.ts"
import * as Starting from "./LocalEventLog/Starting.ts"
import * as Viewing from "./LocalEventLog/Viewing.ts"
import * as Outbox from "./Outbox.ts"
import { nowOf, Storage } from "./LocalEventLog/Storage.ts"

const make = (storage: Storage): EventLog.EventLog["Service"] => ({
  start: Starting.make(storage),
  append: Appending.make(storage),
  ...Reading.make(storage),
  ...Feeding.make(storage),
  ...Asking.make(storage),
  now: Effect.withFiber<number>((fiber) => Effect.succeed(nowOf(fiber))),
  ...Viewing.make(storage),
  ...Owning.make(storage),
  ...Retaining.make(storage)
})

/**
 * The log in the memory of this process, with another retention than the default: `keepEnded` ended
 * executions are remembered, the oldest are forgotten first and then answer `UnknownExecution`.
 */
export const layerLocalWith = (options: {
  readonly keepEnded: number
}): Layer.Layer<EventLog.EventLog | Outbox.Outbox> =>
  Layer.effectContext(
    Effect.map(Random.Random, (random) => {
      const storage = new Storage(options.keepEnded, random)
      return Context.make(EventLog.EventLog, make(storage)).pipe(Context.add(Outbox.Outbox, LocalOutbox.make(storage)))
    })
  )

/**
 * The log in the memory of this process: gone with it. Remembers the last 2,048 ended executions:
 * as many as a worker runs at once by default, so that what ends together is read before it is
 * forgotten.
 */
export const layerLocal: Layer.Layer<EventLog.EventLog | Outbox.Outbox> = layerLocalWith({ keepEnded: 2_048 })
