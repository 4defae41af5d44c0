/**
 * A request as it came. Its headers and its body are parsed when a test looks at them.
 */
import type { Dialect, Question } from "./Dialect.ts"
import { dialect as anthropicMessages } from "./Dialect/AnthropicMessages.ts"
import { dialect as ollamaChat } from "./Dialect/OllamaChat.ts"
import { dialect as openAiChat } from "./Dialect/OpenAiChat.ts"
import { dialect as openAiResponses } from "./Dialect/OpenAiResponses.ts"
import { headersOf, type RawRequest } from "./HttpServer.ts"

export const dialects: ReadonlyArray<Dialect> = [openAiChat, anthropicMessages, ollamaChat, openAiResponses]

/** The fields that tests look at, and anything else. */
export interface Body {
  readonly messages: ReadonlyArray<unknown>
  readonly response_format?: {
    readonly type: string
    readonly json_schema: { readonly name: string; readonly strict: boolean; readonly schema: unknown }
  }
  readonly [field: string]: unknown
}

export class Received {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** The body as it came. */
  readonly text: string
  /** The requested API; absent: none of the known ones. */
  readonly dialect: Dialect | undefined
  readonly #raw: RawRequest
  #headers: Readonly<Record<string, string>> | undefined
  #body: Body | undefined

  constructor(raw: RawRequest) {
    this.method = raw.method
    this.path = raw.path
    this.text = raw.body
    this.dialect = raw.method === "POST" ? dialects.find(({ matches }) => matches(raw.path)) : undefined
    this.#raw = raw
  }

  get headers(): Readonly<Record<string, string>> {
    return (this.#headers ??= headersOf(this.#raw))
  }

  /** The key, as it came. */
  get authorization(): string {
    return this.headers["authorization"] ?? this.headers["x-api-key"] ?? ""
  }

  /** The requested model. */
  get model(): unknown {
    return this.body["model"]
  }

  get body(): Body {
    return (this.#body ??= JSON.parse(this.text))
  }

  /** The question, independent of the dialect. */
  get question(): Question {
    if (this.dialect === undefined) throw new Error(`${this.method} ${this.path} asks no model.`)
    return this.dialect.read(this.body)
  }
}
