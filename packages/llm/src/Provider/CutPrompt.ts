/**
 * Notices a prompt that a server has cut: it counts far fewer tokens than were sent. Servers that
 * run models on one's own machines cut what does not fit into their context window without a word.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Effect from "effect/Effect"
import * as PromptEstimate from "../PromptEstimate.ts"

/** Encodings differ, and a prompt is estimated from above. */
const share = 0.7
/** Tokens that may be missing from a short prompt. */
const slack = 500
/** Older servers count only what their cache did not have. */
const fewest = 256

export interface Advice {
  readonly model: string
  /** What to do about it. */
  readonly hint: string
  /** The size of its context window, in tokens, if known. */
  readonly contextTokens?: number | undefined
}

/** For prompts that certainly do not fit, smaller differences count. */
const known = { share: 0.9, slack: 100 }
const unknown = { share, slack }

/** Hands the answer on; says `context-trimmed` where the prompt was cut. */
export const notice = async (
  request: Llm.Request,
  { contextTokens, hint, model }: Advice,
  answer: Llm.Answer
): Promise<Llm.Answer> => {
  const { onNotice } = request
  const { inputTokens } = answer.usage
  // Most prompts have a token for four bytes or so: counting is left for those that may be cut.
  if (onNotice === undefined || inputTokens < fewest || PromptEstimate.maxTokens(request) / 4.5 <= inputTokens)
    return answer
  // What a picture counts is anybody's guess.
  if (
    request.messages.some(({ content }) => typeof content !== "string" && content.some(({ type }) => type === "file"))
  ) {
    return answer
  }
  const counter = await Effect.runPromise(PromptEstimate.counter)
  const estimate = counter.request(request)
  const limits = contextTokens !== undefined && estimate > contextTokens ? known : unknown
  if (inputTokens < estimate * limits.share && estimate - inputTokens > limits.slack) {
    const message = `The server has read ${inputTokens} tokens of a prompt of about ${estimate}: it has cut the rest off. ${hint}`
    onNotice({ kind: "context-trimmed", model, message })
  }
  return answer
}
