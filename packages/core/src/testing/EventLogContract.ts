/**
 * The contract of every event log, whatever its storage: each sentence of `EventLog`'s module
 * comment as tests.
 *
 *     EventLogContract.suite("PgEventLog on PGlite", layer)
 *
 * All tests of a suite share one log and use separate executions, tenants and owners, so the log
 * may be in use by others, except that the last test deletes the ended executions in it. The tests
 * run on the real clock.
 *
 * @see EventLog
 */
import { layer as withLayer } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import type * as EventLog from "../EventLog.ts"
import * as AskListing from "./EventLogContract/AskListing.ts"
import * as Appending from "./EventLogContract/Appending.ts"
import * as Asking from "./EventLogContract/Asking.ts"
import * as Feeding from "./EventLogContract/Feeding.ts"
import * as Following from "./EventLogContract/Following.ts"
import * as Limiting from "./EventLogContract/Limiting.ts"
import * as Looking from "./EventLogContract/Looking.ts"
import * as Naming from "./EventLogContract/Naming.ts"
import * as Owning from "./EventLogContract/Owning.ts"
import * as Racing from "./EventLogContract/Racing.ts"
import * as Repeating from "./EventLogContract/Repeating.ts"
import * as Retaining from "./EventLogContract/Retaining.ts"
import * as Starting from "./EventLogContract/Starting.ts"
import * as Viewing from "./EventLogContract/Viewing.ts"

export interface Options {
  /** How long the layer may take to open; default a minute. */
  readonly timeout?: Duration.Input
}

/** Declares the suite; call it at the top of a test file or inside a `describe`. */
export const suite = <E>(name: string, layer: Layer.Layer<EventLog.EventLog, E>, options: Options = {}): void =>
  withLayer(layer, { excludeTestServices: true, timeout: options.timeout ?? "1 minute" })(name, (it) => {
    Starting.declare(it)
    Limiting.declare(it)
    Appending.declare(it)
    Repeating.declare(it)
    Racing.declare(it)
    Looking.declare(it)
    Viewing.declare(it)
    Following.declare(it)
    Feeding.declare(it)
    Asking.declare(it)
    AskListing.declare(it)
    Naming.declare(it)
    Owning.declare(it)
    Retaining.declare(it)
  })
