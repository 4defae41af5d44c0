/**
 * A question to a person, which a task waits for. An ask binds to exactly what is shown: its hash
 * names that, and an answer that names another hash is refused. Who answers first, answers; after
 * that the ask is closed.
 */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as CanonicalJson from "./CanonicalJson.ts"
import * as Limits from "./Limits.ts"

export const Kind = Schema.Literals(["approval", "question", "review", "budget"])
export type Kind = typeof Kind.Type

/** What may be answered to an ask of each kind. */
export const answers = {
  approval: ["approve", "edit", "deny"],
  question: ["reply", "deny"],
  review: ["accept", "revise"],
  budget: ["raise", "deny"]
} as const satisfies { readonly [kind in Kind]: ReadonlyArray<string> }

/** What it means when nobody answers in time. */
export const Silence = Schema.Literals(["deny", "accept", "reply"])
export type Silence = typeof Silence.Type

/** An ask as it is recorded when it is asked. */
export interface Ask {
  /**
   * Holds a `/`, which no signal's name can. The same for the same question, however often its task
   * is taken up again.
   */
  readonly id: string
  readonly kind: Kind
  /** The call that waits for it. */
  readonly call?: string
  /** The tool of the call. */
  readonly tool?: string
  /** SHA-256 of the definition of the tool: the approval is not valid for another definition. */
  readonly definition?: string
  /** One line for lists. */
  readonly title: string
  /** Exactly what a person is shown, and what the answer binds to. */
  readonly shown: Schema.Json
  /** SHA-256 of `shown`, in hexadecimal digits. */
  readonly hash: string
  /**
   * What the arguments (of an edit) or the value (of a reply) must be valid for: JSON Schema, draft
   * 2020-12.
   */
  readonly schema?: JsonSchema.JsonSchema
  /**
   * How long people have, in milliseconds from the moment in which it is first asked; absent: for
   * ever.
   */
  readonly deadlineMillis?: number
  readonly onSilence: Silence
  /** The reply when nobody answers, with `onSilence: "reply"`. */
  readonly reply?: Schema.Json
  /** Whose limit is to be raised. */
  readonly scope?: string
  /** Roles that may answer. */
  readonly answerableBy: ReadonlyArray<string>
}

/** SHA-256 of what is shown, in hexadecimal digits; the order of keys does not matter. */
export const hashOf = (shown: Schema.Json): Effect.Effect<string> =>
  Digest.Digest.use((digest) =>
    digest.digestHex(Digest.sha256, new TextEncoder().encode(CanonicalJson.stringify(shown)))
  ).pipe(Effect.provide(Digest.layerWebCrypto))

/** The most characters of a title. */
const maxTitle = 200

/** A text as the title of an ask: one line, however long it is. */
export const titleOf = (text: string): string => {
  const line = text.trim().replace(/[\p{White_Space}\p{Cc}]+/gu, " ")
  const letters = Array.from(line.slice(0, 2 * maxTitle + 2))
  return letters.length > maxTitle ? `${letters.slice(0, maxTitle - 1).join("")}…` : line
}

/** Roles that may answer where an ask says nothing else. */
export const defaultAnswerers: ReadonlyArray<string> = ["operator", "admin"]

/** Who answered an ask or sent a message, as the server knows it from a credential. */
export const Author = Schema.Struct({
  name: Schema.String,
  /** The user for whom a service answered, as the service says. */
  onBehalfOf: Schema.optionalKey(Schema.String),
  role: Schema.optionalKey(Schema.String)
})
export interface Author extends Schema.Schema.Type<typeof Author> {}

/** Who speaks where nobody says who. */
export const anonymous: Author = { name: "anonymous" }

/** An answer to an ask, of any kind. */
export const Answer = Schema.Struct({
  answer: Schema.Literals([...new Set(Object.values(answers).flat())]),
  /** Of what was shown. Refused when it is another. */
  hash: Schema.optionalKey(Schema.String),
  /** With `edit`: what the tool is called with instead. */
  arguments: Schema.optionalKey(Schema.JsonObject),
  /** With `revise`: what is to be changed. */
  feedback: Schema.optionalKey(Schema.String),
  /** With `deny`: why. */
  reason: Schema.optionalKey(Schema.String),
  /** With `reply`. */
  value: Schema.optionalKey(Schema.Json),
  /** With `raise`: the new limits. */
  limits: Schema.optionalKey(Limits.Limits),
  /** With `approve`: `run` approves every further call of the tool in this execution. */
  scope: Schema.optionalKey(Schema.Literals(["once", "run"]))
}).annotate({ identifier: "Answer", description: "An answer to an ask" })
export interface Answer extends Schema.Schema.Type<typeof Answer> {}

/** What an answer must bring, and may bring, besides itself. */
export const parts: {
  readonly [answer in Answer["answer"]]: { readonly needs?: keyof Answer; readonly takes?: keyof Answer }
} = {
  approve: { takes: "scope" },
  edit: { needs: "arguments" },
  deny: { takes: "reason" },
  reply: { needs: "value" },
  accept: {},
  revise: { needs: "feedback" },
  raise: { needs: "limits" }
}

/** The part that an answer needs and does not bring. Feedback that says nothing is none. */
export const missingPart = (given: Answer): keyof Answer | undefined => {
  const { needs } = parts[given.answer]
  if (needs === undefined) return undefined
  const part = given[needs]
  return part === undefined || (typeof part === "string" && needs !== "value" && part.trim() === "") ? needs : undefined
}

/**
 * The ask about a limit that was raised so many times: all who are refused by it make the same id,
 * and share the ask.
 */
export const idOfLimit = (scope: string, raises: number): string => `budget/${scope}/${raises}`
