/**
 * A dialect describes the requests of one API of a model provider, and how its answers, streams and
 * failures look on the wire. The content is the same for all (`Question`, `Reply`), so that a test
 * specifies it once for every provider. One file per dialect.
 */

export interface Schema {
  readonly type?: string
  readonly properties?: { readonly [name: string]: Schema }
  readonly items?: Schema
  readonly enum?: ReadonlyArray<unknown>
}

/** The content of a request. */
export interface Question {
  readonly model: string
  /** Messages of the conversation. */
  readonly messages: number
  /** The last text of a user. */
  readonly prompt: string
  /** How many turns of the conversation have called tools. */
  readonly called: number
  readonly stream: boolean
  /** The first tool that may be called. */
  readonly tool: { readonly name: string; readonly parameters: Schema | undefined } | undefined
  /** Of the answer. */
  readonly schema: Schema | undefined
}

export interface Call {
  readonly id: string
  readonly name: string
  /** As the model wrote them: JSON, or not. */
  readonly arguments: string
}

export interface Usage {
  /** All of the prompt. */
  readonly input: number
  /** Prompt tokens read from a cache. */
  readonly cached: number
  /** Prompt tokens written to a cache. */
  readonly written: number
  readonly output: number
  /** Reasoning tokens of the output. */
  readonly reasoning: number
}

export interface Reply {
  /** Different for each reply of a server. */
  readonly number: number
  readonly model: string
  readonly reasoning: string
  readonly text: string
  readonly calls: ReadonlyArray<Call>
  /** Why the answer ended early. */
  readonly stop: "length" | undefined
  readonly usage: Usage
}

export interface Failure {
  readonly message: string
  readonly type: string
  readonly code: string | null
}

/**
 * Writes the events of one streamed reply, in order: `begin`, then the parts of the answer, then
 * `end`.
 */
export interface StreamWriter {
  readonly begin: () => ReadonlyArray<string>
  readonly reasoning: (piece: string) => ReadonlyArray<string>
  readonly text: (piece: string) => ReadonlyArray<string>
  readonly call: (call: Call, pieces: ReadonlyArray<string>) => ReadonlyArray<string>
  readonly end: () => ReadonlyArray<string>
}

export interface Dialect {
  readonly name: string
  /** Whether a request to this path is for this API. */
  readonly matches: (path: string) => boolean
  readonly read: (body: unknown) => Question
  /** The body of a whole answer. */
  readonly whole: (reply: Reply) => string
  /** The media type of streams. */
  readonly streamType: string
  readonly stream: (reply: Reply) => StreamWriter
  /** The body of a failure. */
  readonly failure: (failure: Failure) => string
  /** The header with the id of a request. */
  readonly requestIdHeader: string
}

/** All events of a streamed reply; `pieces` cuts its texts. */
export const events = (
  dialect: Dialect,
  reply: Reply,
  pieces: (text: string) => ReadonlyArray<string>
): ReadonlyArray<string> => {
  const writer = dialect.stream(reply)
  const out = [...writer.begin()]
  if (reply.reasoning !== "") for (const piece of pieces(reply.reasoning)) out.push(...writer.reasoning(piece))
  if (reply.text !== "") for (const piece of pieces(reply.text)) out.push(...writer.text(piece))
  for (const call of reply.calls) out.push(...writer.call(call, pieces(call.arguments)))
  out.push(...writer.end())
  return out
}
