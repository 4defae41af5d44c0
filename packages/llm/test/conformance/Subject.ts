/**
 * What the conformance suite needs to know about a provider: how to create its model, and the wire
 * format of its server.
 */
import type * as Llm from "@crewline/core/Llm"
import * as FakeProvider from "@crewline/fake-provider"
import type { Dialect } from "@crewline/fake-provider/Dialect"

export interface ModelOptions {
  readonly apiKey?: string
  readonly timeoutMillis?: number
}

/** A failure reported by a server, and the expected reason. */
export interface WireFailure {
  readonly what: string
  readonly handler: FakeProvider.Handler
  readonly reason: Llm.Reason["_tag"]
  readonly retryAfterMillis?: number
}

export interface Subject {
  readonly name: string
  /** The model `m` at the server of this origin. */
  readonly model: (origin: string, options?: ModelOptions) => Llm.Model
  readonly dialect: Dialect
  readonly caches: boolean
  /** Reports the number of reasoning tokens of an answer. */
  readonly countsReasoning: boolean
  /**
   * The schema is sent while tools can still be called: the server applies it to the last answer
   * and not to calls. Otherwise it is sent once no tool can be called.
   */
  readonly schemaBesideTools: boolean
  /** Broken arguments arrive as text; otherwise the server parses them itself. */
  readonly textArguments: boolean
  readonly failures: ReadonlyArray<WireFailure>
  /**
   * Reasons that this provider never reports, with the explanation. All others must be among the
   * failures.
   */
  readonly never?: { readonly [Tag in Llm.Reason["_tag"]]?: string }
  /** The request's body if it requests output of this schema. */
  readonly schemaOf: (body: FakeProvider.Body) => unknown
  /** The conversation in a request's body. */
  readonly messagesOf: (body: FakeProvider.Body) => ReadonlyArray<unknown>
  /**
   * Headers that say: of 100 requests 7 are left, all are restored in 30 s; of 4,000 tokens 1,000,
   * all restored in a minute. Absent: this provider has no such headers.
   */
  readonly rateLimitHeaders?: Readonly<Record<string, string>>
  /** A message with the text `Look.` and a PNG of the bytes 1, 2, 3, on the wire. */
  readonly imageMessage: unknown
  /**
   * The same with an image at `https://example.com/a.png`; absent: refused as an invalid request.
   */
  readonly imageUrlMessage?: unknown
}

/**
 * 100 tokens in (40 of them from the cache, if there is one) and 20 out (5 of them reasoning, if
 * reported).
 */
export const usage = { input: 100, cached: 40, written: 10, output: 20, reasoning: 5 } as const

/** An answer in the dialect of the request, streamed on request, in several network chunks. */
export const answerWith = (said: FakeProvider.Said): FakeProvider.Handler =>
  FakeProvider.answer({ model: "model-2026", usage, ...said }, { chunkDelay: 1 })

/** The first pieces of a streamed text, without an end. */
export const unfinished = (
  { dialect }: Subject,
  texts: ReadonlyArray<string>,
  last?: Parameters<typeof FakeProvider.stream>[1]
): FakeProvider.Handler => FakeProvider.stream(FakeProvider.beginning(dialect, texts), last, dialect.streamType)
