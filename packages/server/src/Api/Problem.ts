/**
 * Everything that a request can be answered with instead of what it asked for: RFC 9457 problems, `application/problem+json`, all of
 * them in one table.
 *
 * - `code` is stable and for programs; `type` is the same code as a path that this server answers with an explanation.
 * - `errors` names every invalid field at once, each with a path, a code and a sentence.
 * - A problem never carries what the server knows and the client should not: no stack, no SQL, no key.
 */
import type * as Cause from "effect/Cause"
import * as HttpApiError from "effect/http-api/HttpApiError"
import type * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"

/** One invalid field. */
export const FieldError = Schema.Struct({
  /** Where, from the root of the body: `["tasks", "write", "context", 0]`; or of `query`, `params`, `headers`. */
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  code: Schema.String,
  /** What is wrong and what to do, as a sentence. */
  message: Schema.String,
  /** The name that was probably meant. */
  suggestion: Schema.optionalKey(Schema.String),
  /** In the text of the body, from 1. */
  line: Schema.optionalKey(Schema.Int),
  column: Schema.optionalKey(Schema.Int)
}).annotate({ identifier: "FieldError", description: "One invalid field of a request" })
export type FieldError = typeof FieldError.Type

const errors = Schema.Array(FieldError)

/** What a problem is: how it is answered, what it means and what to do about it, and its fields besides `code` and `detail`. */
interface Declaration {
  readonly status: number
  readonly title: string
  readonly meaning: string
  readonly fields: Schema.Struct.Fields
}

const table = {
  "invalid-request": {
    status: 400,
    title: "The request is invalid",
    meaning: "A parameter or field is invalid; `errors` names each of them.",
    fields: { errors }
  },
  "invalid-syntax": {
    status: 400,
    title: "The body cannot be parsed",
    meaning: "The body is not valid JSON (or YAML); `line` and `column` say where parsing failed.",
    fields: { line: Schema.optionalKey(Schema.Int), column: Schema.optionalKey(Schema.Int), errors }
  },
  unauthenticated: {
    status: 401,
    title: "The request has no valid credential",
    meaning:
      "Send an API key as `Authorization: Bearer <key>`. The key that was sent, if any, is unknown, expired or revoked; `crewline keys create` makes one.",
    fields: {}
  },
  forbidden: {
    status: 403,
    title: "The credential does not allow this",
    meaning:
      "The operation needs `scope`, and the credential does not have it; `GET /api/v1/me` lists those that it has.",
    fields: { scope: Schema.String }
  },
  "may-not-answer": {
    status: 403,
    title: "Others are asked",
    meaning: "The ask is for people with one of the roles in `answerableBy`, and the credential has another one.",
    fields: { answerableBy: Schema.Array(Schema.String) }
  },
  "foreign-origin": {
    status: 403,
    title: "The request comes from another site",
    meaning:
      "The request comes from a page of another site, or uses a host name that is not this server's; see CREWLINE_ALLOWED_HOSTS.",
    fields: {}
  },
  "no-such-route": {
    status: 404,
    title: "There is nothing at this address",
    meaning: "The path does not exist; /openapi.json lists those that do.",
    fields: {}
  },
  "not-found": {
    status: 404,
    title: "There is no such resource",
    meaning: "No resource has this id; it may have been deleted.",
    fields: {
      resource: Schema.Literals([
        "crew",
        "agent",
        "llm-provider",
        "execution",
        "signal",
        "ask",
        "key",
        "secret",
        "outbox-row"
      ]),
      id: Schema.String
    }
  },
  "method-not-allowed": {
    status: 405,
    title: "This method is not allowed here",
    meaning: "The path exists, but only with the methods in `allow`.",
    fields: { allow: Schema.Array(Schema.String) }
  },
  "ask-closed": {
    status: 409,
    title: "The ask is closed",
    meaning:
      "It has been answered (`answer`, `answeredBy`), or an answer is no longer needed: its task goes on without one, or has ended.",
    fields: { answer: Schema.optionalKey(Schema.String), answeredBy: Schema.optionalKey(Schema.String) }
  },
  "task-settled": {
    status: 409,
    title: "The task is done",
    meaning: "Nobody reads messages to the task any more; `detail` names those that are not done.",
    fields: {}
  },
  "too-many-messages": {
    status: 409,
    title: "The execution has had too many messages",
    meaning: "An execution takes a limited number of messages, which `detail` names.",
    fields: {}
  },
  "name-taken": {
    status: 409,
    title: "The name is taken",
    meaning:
      "Another resource of this kind has the name: names of providers, which name models, and of secrets are unique.",
    fields: { errors }
  },
  "key-inactive": {
    status: 409,
    title: "The key does not work any more",
    meaning: "The key has expired or was revoked and cannot be rotated; create a new one.",
    fields: {}
  },
  "execution-conflict": {
    status: 409,
    title: "The execution cannot do this now",
    meaning: "The execution has ended or does not wait for this; or it has not ended, and cannot be deleted yet.",
    fields: {}
  },
  gone: {
    status: 410,
    title: "The execution was deleted",
    meaning:
      "The execution was deleted after its end, by a request or by age (CREWLINE_RETENTION). It does not come back.",
    fields: { resource: Schema.Literal("execution"), id: Schema.String }
  },
  "cursor-expired": {
    status: 410,
    title: "The feed does not reach back that far",
    meaning:
      "Events after this cursor were deleted because of their age (CREWLINE_RETENTION). Read how executions stand, and begin the feed again without a cursor.",
    fields: {}
  },
  "version-mismatch": {
    status: 412,
    title: "The resource has changed in the meantime",
    meaning: "`If-Match` (or `version`) is not the current version; read the resource again and repeat the change.",
    fields: { version: Schema.Int }
  },
  "payload-too-large": {
    status: 413,
    title: "The body is too large",
    meaning: "The body has more bytes than `maxBytes`.",
    fields: { maxBytes: Schema.Int }
  },
  "unsupported-media-type": {
    status: 415,
    title: "The type of the body is not supported here",
    meaning: "Send a body of one of the types in `supported`.",
    fields: { supported: Schema.Array(Schema.String) }
  },
  "crew-invalid": {
    status: 422,
    title: "The crew is invalid",
    meaning: "The crew, or what it is started with, cannot be run; `errors` holds everything that is wrong.",
    fields: { errors }
  },
  "unknown-task": {
    status: 422,
    title: "The execution has no such task",
    meaning: "No task has the id `taskId`; `detail` names those that are not done.",
    fields: {}
  },
  "no-manager": {
    status: 422,
    title: "There is no manager to read the message",
    meaning: "The message names no task, and the crew has no manager: say in `taskId` whose agent reads it.",
    fields: {}
  },
  "hash-mismatch": {
    status: 422,
    title: "The answer is to something else",
    meaning:
      "`hash` is not that of the ask: what it shows was not what was answered. Read the ask again, and answer that.",
    fields: {}
  },
  "master-key-missing": {
    status: 422,
    title: "The server cannot store secrets",
    meaning:
      "Keys of providers and secrets are stored encrypted, and the server has no master key: set CREWLINE_MASTER_KEY (openssl rand -base64 32), or name the variable that holds a provider's key as `apiKeyVariable`.",
    fields: { errors }
  },
  "idempotency-key-reused": {
    status: 422,
    title: "The idempotency key belongs to another request",
    meaning: "This key was used with another request; use a new key.",
    fields: {}
  },
  "upgrade-required": {
    status: 426,
    title: "This address speaks WebSocket",
    meaning: "Open this address as a WebSocket.",
    fields: {}
  },
  "rate-limited": {
    status: 429,
    title: "There are too many requests",
    meaning:
      "The credential (`limit`: `key`) or its tenant has sent as many requests as it may in a minute; `Retry-After` says when the next one is allowed, in seconds.",
    fields: { limit: Schema.Literals(["key", "tenant"]), retryAfterSeconds: Schema.Int }
  },
  "too-many-executions": {
    status: 429,
    title: "There are too many executions at once",
    meaning:
      "As many executions of the tenant as there may be at once (`limit`) have not ended, those that wait for people or are paused included: wait until one ends, or cancel one.",
    fields: { limit: Schema.Int }
  },
  "internal-error": {
    status: 500,
    title: "The server has a fault",
    meaning: "A fault of the server; its log says more.",
    fields: {}
  },
  unavailable: {
    status: 503,
    title: "The server cannot do this now",
    meaning: "The storage does not answer; try again in a moment.",
    fields: {}
  }
} as const satisfies { readonly [code: string]: Declaration }

type Table = typeof table

/** What kind of problem: stable, for programs. */
export type Code = keyof Table

/** A problem of one of these codes: an error of Effect that knows how it is answered. `_tag` is its code. */
export type Problem<C extends Code = Code> = C extends Code
  ? Schema.Struct.Type<Table[C]["fields"]> & {
      readonly _tag: C
      readonly type: `/problems/${C}`
      readonly code: C
      readonly status: Table[C]["status"]
      readonly title: string
      readonly detail?: string
    } & Cause.YieldableError &
      HttpServerRespondable.Respondable
  : never

type SchemaOf<C extends Code> = Schema.Codec<Problem<C>, { readonly code: C }>

const declare = (code: string, { fields, status, title }: Declaration) =>
  HttpApiError.Problem<Problem>()(
    code,
    { type: `/problems/${code}`, status, title },
    { code: Schema.tag(code), ...fields },
    { identifier: nameOf(code) }
  )

/** `not-found` is `NotFound` among the schemas of the API. */
const nameOf = (code: string): string => code.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())

const classes = Record.map(table, (declaration, code) => declare(code, declaration))

/** Schemas of these problems, for the `error` of an endpoint. */
export const schemas = <const Codes extends ReadonlyArray<Code>>(...codes: Codes) =>
  // A class made in a loop has no type of its own; here it is that of its entry in the table.
  codes.map((code) => classes[code]) as unknown as { readonly [I in keyof Codes]: SchemaOf<Codes[I]> }

/** A problem. `detail` says what is wrong in this case. */
export const make = <C extends Code>(
  code: C,
  fields: Schema.Struct.Type<Table[C]["fields"]> & { readonly detail?: string }
): Problem<C> =>
  // As above.
  new classes[code](fields as never) as unknown as Problem<C>

/** Whether this is one of them. */
export const isProblem = (value: unknown): value is Problem =>
  Predicate.hasProperty(value, "code") &&
  typeof value.code === "string" &&
  Object.hasOwn(classes, value.code) &&
  value instanceof classes[value.code as Code]

/** The text of a problem, for an answer that the router does not make. */
export const stringify = (problem: Problem): string => JSON.stringify(toJson(problem))

/** A problem as JSON. */
export const toJson = (problem: Problem): unknown => Schema.encodeUnknownSync(classes[problem.code])(problem)

/** What reading a body may fail with. */
export const ofBody = ["invalid-syntax", "invalid-request", "payload-too-large", "unsupported-media-type"] as const
export type OfBody = Problem<(typeof ofBody)[number]>

/** What each problem means and what to do about it, by code: the pages under `/problems`. */
export const catalogue: {
  readonly [code: string]: { readonly status: number; readonly title: string; readonly meaning: string }
} = Record.map(table, ({ meaning, status, title }) => ({ status, title, meaning }))
