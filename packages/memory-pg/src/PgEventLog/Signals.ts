/**
 * What processes tell each other over LISTEN and NOTIFY: which executions have new events (their ids only), and passing deltas.
 * Everything here is lossy; followers lose time by it, never an event.
 *
 * NOTIFY stands in no append: all notifying transactions of a database commit one after the other, so it would take an append's
 * concurrency away. Each process gathers what it has to tell and sends it as one statement, at most every `gatherMillis`.
 * Whoever may connect to the database may listen: deltas are not confined to a tenant there.
 */
import * as NodeCrypto from "node:crypto"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"

const channel = "crewline"
const gatherMillis = 20
/** PostgreSQL refuses 8,000 bytes and more. */
const maxPayloadBytes = 7_000
/** Bytes of deltas that may wait to be sent; further ones are dropped. */
const maxWaitingBytes = 256 * 1024
const reconnectMillis = 1_000

interface Passing {
  readonly tenant: string
  readonly delta: ExecutionEvent.TextDelta
}

interface Message {
  readonly from: string
  readonly ids?: ReadonlyArray<string>
  readonly deltas?: ReadonlyArray<Passing>
}

export interface Options {
  /** Executions with new events; absent: any may have, because messages may have been lost. */
  readonly onEvents: (executionIds?: ReadonlySet<string>) => Effect.Effect<void>
  readonly onDelta: (tenant: string, delta: ExecutionEvent.TextDelta) => void
}

export interface Signals {
  readonly events: (executionId: string) => void
  readonly delta: (tenant: string, delta: ExecutionEvent.TextDelta) => void
}

/** Items in as few payloads as they fit; an item that fits none is dropped. */
const pack = (from: string, key: "ids" | "deltas", items: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  const payloads: Array<string> = []
  let texts: Array<string> = []
  let bytes = 0
  const close = () => {
    if (texts.length > 0) payloads.push(`{"from":"${from}","${key}":[${texts.join(",")}]}`)
    texts = []
    bytes = 0
  }
  for (const item of items) {
    const text = JSON.stringify(item)
    const size = Buffer.byteLength(text) + 1
    if (size > maxPayloadBytes) continue
    if (bytes + size > maxPayloadBytes) close()
    texts.push(text)
    bytes += size
  }
  close()
  return payloads
}

/** The second delta put after the first, when it goes on exactly there. */
const concat = (first: Passing, second: Passing): Passing | undefined => {
  const { delta: a, tenant } = first
  const { delta: b } = second
  return tenant === second.tenant &&
    a.executionId === b.executionId &&
    a.taskId === b.taskId &&
    a.run === b.run &&
    a.turn === b.turn &&
    a.offset + a.delta.length === b.offset &&
    a.delta.length + b.delta.length < 1_000
    ? { tenant, delta: { ...a, delta: a.delta + b.delta } }
    : undefined
}

export const make = (sql: PgClient.PgClient, options: Options): Effect.Effect<Signals, never, Scope.Scope> =>
  Effect.gen(function* () {
    const from = NodeCrypto.randomUUID()
    const something = Latch.makeUnsafe(false)
    let ids = new Set<string>()
    let deltas: Array<Passing> = []
    let waitingBytes = 0

    const send = Effect.gen(function* () {
      yield* something.await
      const payloads = [...pack(from, "ids", [...ids]), ...pack(from, "deltas", deltas)]
      ids = new Set()
      deltas = []
      waitingBytes = 0
      something.closeUnsafe()
      yield* sql`select pg_notify(${channel}, value) from json_array_elements_text(${JSON.stringify(payloads)}::text::json)`.pipe(
        Effect.catchCause((cause) =>
          Effect.logDebug("Other processes could not be told of new events; they will look by themselves", cause)
        )
      )
      yield* Effect.sleep(gatherMillis)
    })

    const receive = (payload: string) => {
      let message: Message
      try {
        message = JSON.parse(payload) as Message
      } catch {
        // Anybody may notify on this channel.
        return Effect.void
      }
      if (message.from === from) return Effect.void
      for (const { delta, tenant } of message.deltas ?? []) options.onDelta(tenant, delta)
      return message.ids === undefined ? Effect.void : options.onEvents(new Set(message.ids))
    }

    const listen = Effect.scoped(
      Effect.gen(function* () {
        const notifications = yield* sql.listen(channel)
        // What was told while nobody listened.
        yield* options.onEvents()
        while (true) yield* receive((yield* Queue.take(notifications)).payload)
      })
    ).pipe(
      Effect.catchCause((cause) =>
        Effect.logDebug("The connection that listens for new events was lost; opening another", cause)
      ),
      Effect.andThen(Effect.sleep(reconnectMillis)),
      Effect.forever
    )

    yield* Effect.forkScoped(Effect.forever(send))
    yield* Effect.forkScoped(listen)

    return {
      events: (executionId) => {
        ids.add(executionId)
        something.openUnsafe()
      },
      delta: (tenant, delta) => {
        const passing = { tenant, delta }
        const last = deltas.at(-1)
        const joined = last === undefined ? undefined : concat(last, passing)
        if (joined !== undefined) deltas[deltas.length - 1] = joined
        else if (waitingBytes > maxWaitingBytes) return
        else deltas.push(passing)
        waitingBytes += delta.delta.length * 3
        something.openUnsafe()
      }
    }
  })
