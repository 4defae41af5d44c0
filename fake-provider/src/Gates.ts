/**
 * A provider that answers on demand: tests decide which calls are in flight, and for how long. A
 * request belongs to the gate that its prompt names: `[gate:draft]`.
 */
import * as FakeProvider from "./FakeProvider.ts"
import type { Received } from "./Received.ts"
import type { Responder } from "./Responder.ts"

/** A request that waits for its answer. */
export interface Waiting {
  /** Writes a piece of the answer, which a streaming client sees at once. */
  readonly write: (piece: string) => void
  /** Ends the answer, with a last piece. */
  readonly answer: (piece: string) => void
  /** Answers with a call of this tool and nothing else. */
  readonly call: (tool: string, parameters: object) => void
  /** Answers with several calls. */
  readonly calls: (calls: ReadonlyArray<readonly [tool: string, parameters: object]>) => void
  /** Answers with this status. */
  readonly fail: (status: number) => void
  /** Resolves when the client has closed the connection before it had its answer. */
  readonly left: Promise<void>
}

export interface Gates {
  readonly baseURL: string
  /** The next request at this gate, which may have arrived already. */
  readonly next: (gate: string) => Promise<Waiting>
  /** How many requests have come to this gate. */
  readonly count: (gate: string) => number
  readonly stop: () => Promise<void>
}

/** The part of a description that leads to a gate. */
export const to = (gate: string): string => `[gate:${gate}]`

export const start = async (): Promise<Gates> => {
  const gates = new Map<string, Gate>()
  const gateOf = (name: string): Gate => {
    const gate = gates.get(name) ?? { arrived: [], wanted: [], count: 0 }
    gates.set(name, gate)
    return gate
  }
  const { baseURL, stop } = await FakeProvider.start((request, response) => {
    const gate = gateOf(/\[gate:([\w-]+)\]/.exec(request.text)?.[1] ?? "none")
    gate.count += 1
    const here = waiting(request, response)
    const wanted = gate.wanted.shift()
    if (wanted === undefined) gate.arrived.push(here)
    else wanted(here)
  })
  return {
    baseURL,
    stop,
    next: (name) => {
      const gate = gateOf(name)
      const here = gate.arrived.shift()
      return here === undefined ? new Promise((resolve) => gate.wanted.push(resolve)) : Promise.resolve(here)
    },
    count: (name) => gateOf(name).count
  }
}

interface Gate {
  readonly arrived: Array<Waiting>
  readonly wanted: Array<(waiting: Waiting) => void>
  count: number
}

const waiting = (request: Received, response: Responder): Waiting => {
  const { dialect, question } = request
  if (dialect === undefined) throw new Error(`${request.path} asks no model.`)
  let text = ""
  const usage = { input: 3, output: 2 }
  const writer = dialect.stream(FakeProvider.replyOf(request, response, { usage }))
  const write = (piece: string): void => {
    text += piece
    if (!question.stream) return
    if (!response.hasBegun) {
      response.begin(200, { "content-type": dialect.streamType })
      response.write(writer.begin().join(""))
    }
    response.write(writer.text(piece).join(""))
  }
  const calls: Waiting["calls"] = (made) => {
    const named = made.map(([name, parameters]) => ({ name, arguments: JSON.stringify(parameters) }))
    return FakeProvider.reply(request, response, { calls: named, usage }, {})
  }
  return {
    write,
    answer: (piece) => {
      write(piece)
      if (!question.stream) return FakeProvider.reply(request, response, { text, usage }, {})
      response.write(writer.end().join(""))
      response.end()
    },
    call: (name, parameters) => calls([[name, parameters]]),
    calls,
    fail: (status) => FakeProvider.fail(status)(request, response),
    left: response.left()
  }
}
