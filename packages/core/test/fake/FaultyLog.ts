/** An event log in memory whose operations a test can delay, lose or refuse. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EventLog from "../../src/EventLog.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import type * as Outbox from "../../src/Outbox.ts"

type Service = EventLog.EventLog["Service"]

/** Intercepts calls to the log; `next` is the log itself. */
export interface Faults {
  readonly start?: (next: Service["start"], ...args: Parameters<Service["start"]>) => ReturnType<Service["start"]>
  readonly append?: (
    next: Service["append"],
    ...args: Parameters<Service["append"]>
  ) => Effect.Effect<EventLog.Appended, EventLog.EventLogError>
  readonly read?: (next: Service["read"], ...args: Parameters<Service["read"]>) => ReturnType<Service["read"]>
  readonly now?: (next: Service["now"]) => Service["now"]
  readonly adopt?: (next: Service["adopt"], ...args: Parameters<Service["adopt"]>) => ReturnType<Service["adopt"]>
}

export const layer = (faults: Faults): Layer.Layer<EventLog.EventLog | Outbox.Outbox> =>
  Layer.effect(
    EventLog.EventLog,
    Effect.map(EventLog.EventLog, (log) =>
      EventLog.EventLog.of({
        ...log,
        start: (...args) => (faults.start === undefined ? log.start(...args) : faults.start(log.start, ...args)),
        append: (...args) => (faults.append === undefined ? log.append(...args) : faults.append(log.append, ...args)),
        read: (...args) => (faults.read === undefined ? log.read(...args) : faults.read(log.read, ...args)),
        now: Effect.suspend(() => (faults.now === undefined ? log.now : faults.now(log.now))),
        adopt: (...args) => (faults.adopt === undefined ? log.adopt(...args) : faults.adopt(log.adopt, ...args))
      })
    )
  ).pipe(Layer.provideMerge(LocalEventLog.layerLocal))

export const unavailable = (isRetryable: boolean): EventLog.EventLogError =>
  new EventLog.EventLogError({
    operation: "append",
    reason: new EventLog.Unavailable({ description: "the disk is gone", isRetryable })
  })
