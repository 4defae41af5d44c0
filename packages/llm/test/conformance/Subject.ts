/**
 * What the conformance suite needs to know of a provider: how to make its model, and how its server
 * puts things on the wire.
 */
import type * as Llm from "@crewline/core/Llm"
import * as FakeProvider from "@crewline/fake-provider"
import type { Dialect } from "@crewline/fake-provider/Dialect"

export interface ModelOptions {
  readonly apiKey?: string
  readonly timeoutMillis?: number
}

/** A failure that a server tells of, and what it has to become. */
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
  /** Says how many tokens of an answer were reasoning. */
  readonly countsReasoning: boolean
  /**
   * The schema goes along while tools can still be called: the server binds the last answer by it
   * and no call of a tool. Otherwise it goes along once no tool can be called.
   */
  readonly schemaBesideTools: boolean
  /** Broken arguments reach us as text; where they do not, the server parses them itself. */
  readonly textArguments: boolean
  readonly failures: ReadonlyArray<WireFailure>
  /** Reasons that this provider gives nobody, and why. All others have to be among the failures. */
  readonly never?: { readonly [Tag in Llm.Reason["_tag"]]?: string }
  /** The request's body where it asks for output of this schema. */
  readonly schemaOf: (body: FakeProvider.Body) => unknown
  /** The conversation in a request's body. */
  readonly messagesOf: (body: FakeProvider.Body) => ReadonlyArray<unknown>
  /**
   * Headers that say: of 100 requests 7 are left, all are back in 30 s; of 4,000 tokens 1,000, all
   * back in a minute. Absent: this provider says nothing of the kind.
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
 * 100 tokens in (40 of them from the cache, where there is one) and 20 out (5 of them reasoning,
 * where that is told).
 */
export const usage = { input: 100, cached: 40, written: 10, output: 20, reasoning: 5 } as const

/**
 * An answer in the dialect of the request, streamed where that asks for it, in several network
 * chunks.
 */
export const answerWith = (said: FakeProvider.Said): FakeProvider.Handler =>
  FakeProvider.answer({ model: "model-2026", usage, ...said }, { chunkDelay: 1 })

/** The first pieces of a streamed text, without an end. */
export const unfinished = (
  { dialect }: Subject,
  texts: ReadonlyArray<string>,
  last?: Parameters<typeof FakeProvider.stream>[1]
): FakeProvider.Handler => FakeProvider.stream(FakeProvider.beginning(dialect, texts), last, dialect.streamType)
