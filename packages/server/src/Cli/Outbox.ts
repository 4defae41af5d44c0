/** `crewline outbox`: lists pending rows and dead letters, and retries dead letters. */
import type * as Outbox from "@crewline/core/Outbox"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as AskText from "./AskText.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import * as Resources from "./Resources.ts"
import * as Layout from "./View/Layout.ts"

interface Options {
  readonly data: Option.Option<string>
  readonly json: boolean
}

export const list = Effect.fn("Outbox.list")(function* ({
  data,
  json,
  state
}: Options & { readonly state: Option.Option<Outbox.State> }) {
  const output = yield* Output.Output
  const { outbox } = yield* Resources.outbox(data)
  const rows = yield* outbox.list(Option.getOrUndefined(state))
  if (json) return yield* output.result(JSON.stringify({ items: rows }))
  if (rows.length === 0)
    return yield* output.result(
      `Nothing ${Option.match(state, { onNone: () => "waits", onSome: (of) => `is ${of}` })}.`
    )
  for (const row of rows) {
    const again = row.state === "dead" ? [`  crewline outbox retry ${row.id}${AskText.dataFlag(data)}`] : []
    yield* output.result([...lines(row), ...again, ""].join("\n"))
  }
}, Effect.scoped)

export const retry = Effect.fn("Outbox.retry")(function* ({
  all,
  data,
  ids,
  json
}: Options & { readonly ids: ReadonlyArray<string>; readonly all: boolean }) {
  if (all === ids.length > 0) return yield* Failure.invalid("Give the ids of dead letters, or --all.")
  const output = yield* Output.Output
  const { isServed, outbox } = yield* Resources.outbox(data)
  const wanted = all ? (yield* outbox.list("dead")).map(({ id }) => id) : ids
  const rows = yield* Effect.forEach(wanted, outbox.retry)
  if (json) yield* output.result(JSON.stringify({ items: rows }))
  else yield* output.result(rows.length === 0 ? "There are no dead letters." : rows.map(told).join("\n"))
  if (rows.length > 0 && !isServed)
    yield* output.say(`No server is running: start one to process it (crewline serve${AskText.dataFlag(data)}).`)
}, Effect.scoped)

const told = ({ consumer, executionId, id, seq }: Outbox.View): string =>
  Layout.oneLine(`Retrying ${id}: ${consumer} after event ${seq} of ${executionId}.`)

const lines = ({ at, attempts, consumer, error, executionId, id, nextAt, seq, state }: Outbox.View) =>
  [
    `${state}: ${consumer} after event ${seq} of ${executionId}`,
    ...AskText.field("id", id),
    ...AskText.field("recorded", at),
    ...AskText.field("attempts", String(attempts)),
    ...(nextAt === undefined ? [] : AskText.field("next", `not before ${nextAt}`)),
    ...(error === undefined ? [] : AskText.field("error", error))
  ].map((line) => Layout.oneLine(line))
