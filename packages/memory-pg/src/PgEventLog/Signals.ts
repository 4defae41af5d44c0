/**
 * Messages between processes that share the log, over a broadcast: ids and tenants of executions
 * with new events, and text deltas. Everything here is lossy; followers lose time, never an event.
 *
 * Each process collects its messages and sends them together, at most every `gatherMillis`. A
 * single process sends nothing: a process that starts to listen sends a greeting, and the others
 * reply. Messages that were not sent before two processes knew of each other are made up for by
 * reading the log. A process that does not listen cannot know, and always sends.
 */
import * as NodeCrypto from "node:crypto"
import type * as Broadcast from "@crewline/core/Broadcast"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"

const gatherMillis = 20
/**
 * A process that is alone greets again this often, in milliseconds: the first time may have been
 * lost.
 */
const greetMillis = 60_000
/** What stands around the items of a message. */
const envelopeBytes = 64
/** Bytes of deltas that may wait to be sent; further ones are dropped. */
const maxWaitingBytes = 256 * 1024

interface Passing {
  readonly tenant: string
  readonly delta: ExecutionEvent.TextDelta
}

interface Message {
  readonly from: string
  readonly ids?: ReadonlyArray<string>
  readonly tenants?: ReadonlyArray<string>
  readonly deltas?: ReadonlyArray<Passing>
  /** From now on the sender listens. */
  readonly hello?: true
  /** This process, or every one, may not have been told of everything. */
  readonly look?: string
}

const everybody = "*"

export interface Options {
  /** False: there are no followers in this process. */
  readonly listens: boolean
  /** Executions with new events; absent: any may have, because messages may have been lost. */
  readonly onEvents: (executionIds?: ReadonlySet<string>) => Effect.Effect<void>
  /** Tenants with new events; absent: any may have. */
  readonly onTenants: (tenants?: ReadonlyArray<string>) => void
  readonly onDelta: (tenant: string, delta: ExecutionEvent.TextDelta) => void
}

export interface Signals {
  readonly events: (tenant: string, executionId: string) => void
  readonly delta: (tenant: string, delta: ExecutionEvent.TextDelta) => void
}

/** Items in as few texts as they fit; an item that fits none is dropped. */
const pack = (
  from: string,
  key: "ids" | "tenants" | "deltas",
  items: ReadonlyArray<unknown>,
  maxBytes: number
): ReadonlyArray<string> => {
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
    if (size > maxBytes) continue
    if (bytes + size > maxBytes) close()
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

export const make = (
  broadcast: Broadcast.Broadcast["Service"],
  options: Options
): Effect.Effect<Signals, never, Scope.Scope> =>
  Effect.gen(function* () {
    const itemBytes = broadcast.maxBytes - envelopeBytes
    const from = NodeCrypto.randomUUID()
    const something = Latch.makeUnsafe(false)
    let ids = new Set<string>()
    let tenants = new Set<string>()
    let deltas: Array<Passing> = []
    let waitingBytes = 0

    const send = Effect.gen(function* () {
      yield* something.await
      const texts = [
        ...pack(from, "ids", [...ids], itemBytes),
        ...pack(from, "tenants", [...tenants], itemBytes),
        ...pack(from, "deltas", deltas, itemBytes)
      ]
      ids = new Set()
      tenants = new Set()
      deltas = []
      waitingBytes = 0
      something.closeUnsafe()
      if (Arr.isReadonlyArrayNonEmpty(texts)) yield* broadcast.send(texts)
      yield* Effect.sleep(gatherMillis)
    })

    const tell = (message: Omit<Message, "from">) => broadcast.send([JSON.stringify({ from, ...message })])

    /** Anything may have happened. */
    const lookAtAll = Effect.suspend(() => {
      options.onTenants()
      return options.onEvents()
    })

    /** No other process is known to listen. */
    let alone = false

    const receive = Effect.fnUntraced(function* (text: string) {
      let message: Message
      try {
        message = JSON.parse(text) as Message
      } catch {
        // Anybody may send here.
        return
      }
      if (message.from === from) return
      const wasAlone = alone
      alone = false
      for (const { delta, tenant } of message.deltas ?? []) options.onDelta(tenant, delta)
      if (message.tenants !== undefined) options.onTenants(message.tenants)
      if (message.ids !== undefined) yield* options.onEvents(new Set(message.ids))
      if (wasAlone) yield* tell({ look: everybody })
      else if (message.hello === true) yield* tell({ look: message.from })
      if (message.hello === true || message.look === from || message.look === everybody) yield* lookAtAll
    })

    yield* Effect.forkScoped(Effect.forever(send))
    const greet = Effect.suspend(() => (alone ? tell({ hello: true }) : Effect.void))
    const opened = Effect.suspend(() => {
      alone = true
      // Messages while no other process listened.
      return Effect.andThen(greet, lookAtAll)
    })
    if (options.listens) {
      yield* Effect.forkScoped(broadcast.listen({ opened, received: receive }))
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(greetMillis), greet)))
    }

    return {
      events: (tenant, executionId) => {
        if (alone) return
        ids.add(executionId)
        tenants.add(tenant)
        something.openUnsafe()
      },
      delta: (tenant, delta) => {
        if (alone) return
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
