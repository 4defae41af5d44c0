/**
 * Which API of OpenAI a request goes to, where nobody said it:
 * `decisions/2026-11-22-openai-apis.md` has the reasons.
 */
import type { Request } from "@crewline/core/Llm"

/** `responses`: the newer API. `chat`: chat completions. */
export type Api = (typeof apis)[number]
export const apis = ["chat", "responses"] as const

/** For each request at this address the API that is given, else the one that is best for it. */
export const chooser = (baseURL: string, api: Api | undefined): ((request: Request) => Api) => {
  if (api !== undefined) return () => api
  return isOfficial(baseURL) ? (request) => (wantsChat(request) ? "chat" : "responses") : () => "chat"
}

/** OpenAI's models, at OpenAI or on Azure. */
export const isOpenAi = (baseURL: string): boolean =>
  /^https:\/\/([a-z0-9-]+\.)*(openai\.com|openai\.azure\.com)(:|\/|$)/.test(baseURL)

/** OpenAI itself, in whichever region. */
const isOfficial = (baseURL: string): boolean => /^https:\/\/([a-z0-9-]+\.)?api\.openai\.com(:|\/|$)/.test(baseURL)

/** The responses API refuses a request for a shorter answer. */
const shortest = 16

/** Whether a request has something that only chat completions take. */
const wantsChat = ({ messages, options }: Request): boolean =>
  options?.seed !== undefined ||
  (options?.maxOutputTokens !== undefined && options.maxOutputTokens < shortest) ||
  (options?.stop !== undefined && options.stop.length > 0) ||
  messages.some(
    ({ content, role }) =>
      role === "user" &&
      typeof content !== "string" &&
      content.some((part) => part.type === "file" && part.mediaType.startsWith("audio/"))
  )
