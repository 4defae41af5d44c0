/** Models controlled by a test, for the wrappers around models. */
import type { Notice } from "@crewline/core/ExecutionEvent"
import * as Llm from "@crewline/core/Llm"
import * as Usage from "@crewline/core/Usage"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

export const reference = "fake/model"

export const answer = (text: string): Llm.Answer => ({
  parts: [{ type: "text", text }],
  finishReason: "stop",
  usage: { ...Usage.zero, requests: 1, inputTokens: 10, outputTokens: 5 },
  model: "model"
})

export const failure = (reason: Llm.Reason): Llm.LlmError => new Llm.LlmError({ model: reference, reason })
export const overloaded = failure(new Llm.Overloaded({ description: "busy" }))

export const request = (text = "Hello", more: Partial<Llm.Request> = {}): Llm.Request => ({
  messages: [{ role: "user", content: text }],
  tools: [],
  toolChoice: "none",
  ...more
})

/** A model, with the times and contents of its requests. */
export const model = (generate: (request: Llm.Request, call: number) => Effect.Effect<Llm.Answer, Llm.LlmError>) => {
  const times: Array<number> = []
  const asked: Array<Llm.Request> = []
  const self: Llm.Model = {
    reference,
    generate: (each) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        times.push(now)
        asked.push(each)
        return generate(each, asked.length)
      })
  }
  return { model: self, times, asked }
}

export const succeeding = () => model(() => Effect.succeed(answer("fine")))

/** Collects notices. */
export const notices = () => {
  const all: Array<Notice> = []
  return {
    all,
    kinds: () => all.map(({ kind }) => kind),
    onNotice: (notice: Notice) => {
      all.push(notice)
    }
  }
}

/** The tag of a failure's reason, or the text of an answer. */
export const outcome = (effect: Effect.Effect<Llm.Answer, Llm.LlmError>) =>
  Effect.match(effect, {
    onFailure: (error): string => error.reason._tag,
    onSuccess: ({ parts: [part] }) => (part?.type === "text" ? part.text : "")
  })
