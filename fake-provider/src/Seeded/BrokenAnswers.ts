/** Answers that break off: by a reason, without one, by an error in the choice, by their end. */
import * as Imitated from "../Imitated.ts"
import { type Immediate, json, stream } from "../Handlers.ts"
import * as Random from "../Random.ts"

/** Reasons that are known from some server, and parts of others. */
const reasons = [
  "insufficient_system_resource",
  "error",
  "abort",
  "aborted",
  "cancelled",
  "network_error",
  "time_limit",
  "timeout",
  "not_finished",
  "other",
  "unexpected_tool_call",
  "too_many_tool_calls",
  "finish_reason_unspecified",
  "pause_turn",
  "user_cancel",
  "malformed_response",
  "engine_overload"
]
const first = ["upstream", "worker", "gpu", "stream", "backend", "decode"]
const last = ["lost", "preempted", "evicted", "failure", "restart", "unavailable"]

export interface BrokenAnswer {
  readonly name: string
  readonly handler: Immediate
}

/** `text`: the part of the answer that is sent. */
export const brokenAnswer = (seed: number, text = "The first half of"): BrokenAnswer => {
  const random = Random.of(seed)
  const { habits } = Imitated.variant(seed)
  const word = random.maybe(0.6) ? random.one(reasons) : `${random.one(first)}_${random.one(last)}`
  const reason = random.cased(random.maybe(0.2) ? word.replaceAll("_", "-") : word)
  const way = random.one(["reason", "nothing", "error", "cut"] as const)
  switch (way) {
    case "reason":
      return { name: `reason ${reason}`, handler: saying(habits, reason, text) }
    case "nothing":
      return { name: "an empty reason, and the end of the stream", handler: saying(habits, "", text) }
    case "error":
      return { name: "an error in the choice", handler: failing(random, reason, text) }
    case "cut":
      return { name: "the end of the body", handler: cut(random, text) }
  }
}

const saying = (habits: Imitated.Habits, reason: string, text: string): Immediate =>
  Imitated.answer({ ...habits, unfinished: "null", finish: { stop: reason, calls: reason }, lacks: {} }, { text })

const failing = (random: Random.Random, reason: string, text: string): Immediate => {
  const message = random.one(["Upstream connection lost", "the worker was evicted", "Provider disconnected"])
  const code = random.one([502, 503, "502", "server_error", null])
  const error = random.maybe(0.3) ? message : { message, code }
  const choice = { index: 0, finish_reason: random.one([reason, "error", null]), error }
  return (request, response) => {
    const body = (said: object) => ({ id: "c", model: "m", choices: [{ ...choice, ...said }] })
    if (!request.question.stream) return json(body({ message: { content: text } }))(request, response)
    return stream(pieces(random, text, body({ delta: { content: "" } })))(request, response)
  }
}

const cut = (random: Random.Random, text: string): Immediate => {
  const isLost = random.maybe(0.5)
  return (request, response) => {
    if (request.question.stream) {
      return stream(pieces(random, text), (sent) => (isLost ? sent.destroy() : sent.end()))(request, response)
    }
    const whole = JSON.stringify({ choices: [{ message: { content: text }, finish_reason: "stop" }] })
    return json(whole.slice(0, -random.between(3, 20)))(request, response)
  }
}

const pieces = (random: Random.Random, text: string, last?: object): ReadonlyArray<string> => {
  const at = random.between(1, text.length - 1)
  const chunk = (content: string) => ({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })
  const all: ReadonlyArray<object> = [
    chunk(text.slice(0, at)),
    chunk(text.slice(at)),
    ...(last === undefined ? [] : [last])
  ]
  return all.map((each) => `data: ${JSON.stringify(each)}\n\n`)
}
