/**
 * All error responses of the API: RFC 9457 problems, `application/problem+json`, in one table.
 *
 * - `code` is stable and for programs; `type` is the same code as a path that this server answers
 *   with an explanation.
 * - `errors` names every invalid field at once, each with a path, a code and a sentence.
 * - A problem never contains internals of the server: no stack, no SQL, no key.
 */
import type * as Cause from "effect/Cause"
import * as HttpApiError from "effect/http-api/HttpApiError"
import type * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"

/** One invalid field. */
export const FieldError = Schema.Struct({
  /**
   * Where, from the root of the body: `["tasks", "write", "context", 0]`; or of `query`, `params`,
   * `headers`.
   */
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  code: Schema.String,
  /** A sentence that states the problem and the remedy. */
  message: Schema.String,
  /** The name that was probably meant. */
  suggestion: Schema.optionalKey(Schema.String),
  /** In the text of the body, from 1. */
  line: Schema.optionalKey(Schema.Int),
  column: Schema.optionalKey(Schema.Int)
}).annotate({ identifier: "FieldError", description: "One invalid field of a request" })
export type FieldError = typeof FieldError.Type

const errors = Schema.Array(FieldError)

/**
 * A kind of problem: its status, its meaning and remedy, and its fields besides `code` and
 * `detail`.
 */
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
    meaning: "The body is not valid JSON (or YAML); `line` and `column` show where parsing failed.",
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
    meaning: "The operation requires `scope`, which the credential does not have; `GET /api/v1/me` lists its scopes.",
    fields: { scope: Schema.String }
  },
  "may-not-answer": {
    status: 403,
    title: "The ask is for other roles",
    meaning: "Only the roles in `answerableBy` can answer the ask, and the credential has a different role.",
    fields: { answerableBy: Schema.Array(Schema.String) }
  },
  "foreign-origin": {
    status: 403,
    title: "The request comes from another site",
    meaning:
      "The request comes from a page of another site, or uses a host name that does not belong to this server; see CREWLINE_ALLOWED_HOSTS.",
    fields: {}
  },
  "no-such-route": {
    status: 404,
    title: "The path does not exist",
    meaning: "The path does not exist; /openapi.json lists all paths.",
    fields: {}
  },
  "not-found": {
    status: 404,
    title: "The resource does not exist",
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
        "outbox-row",
        "memory",
        "file",
        "tool",
        "tool-api"
      ]),
      id: Schema.String
    }
  },
  "method-not-allowed": {
    status: 405,
    title: "The method is not allowed",
    meaning: "The path supports only the methods in `allow`.",
    fields: { allow: Schema.Array(Schema.String) }
  },
  "ask-closed": {
    status: 409,
    title: "The ask is closed",
    meaning:
      "It was answered (`answer`, `answeredBy`), or an answer is no longer needed: its task has continued without one, or has ended.",
    fields: { answer: Schema.optionalKey(Schema.String), answeredBy: Schema.optionalKey(Schema.String) }
  },
  "task-settled": {
    status: 409,
    title: "The task is done",
    meaning: "The task no longer reads messages; `detail` names the open tasks.",
    fields: {}
  },
  "too-many-messages": {
    status: 409,
    title: "The execution has received too many messages",
    meaning: "The number of messages per execution is limited; `detail` has the limit.",
    fields: {}
  },
  "name-taken": {
    status: 409,
    title: "The name is taken",
    meaning:
      "Another resource of this kind has the name: names of providers, which are part of model references, and of secrets are unique.",
    fields: { errors }
  },
  "key-inactive": {
    status: 409,
    title: "The key is no longer valid",
    meaning: "The key has expired or was revoked, so it cannot be rotated; create a new one.",
    fields: {}
  },
  "execution-conflict": {
    status: 409,
    title: "The operation does not fit the execution's state",
    meaning: "The execution has ended or does not wait for this signal; or it has not ended and cannot be deleted yet.",
    fields: {}
  },
  gone: {
    status: 410,
    title: "The execution was deleted",
    meaning:
      "The execution was deleted after it ended, by a request or because of its age (CREWLINE_RETENTION). The deletion is permanent.",
    fields: { resource: Schema.Literal("execution"), id: Schema.String }
  },
  "cursor-expired": {
    status: 410,
    title: "The feed no longer has events that old",
    meaning:
      "Events after this cursor were deleted because of their age (CREWLINE_RETENTION). Read the state of the executions, and start the feed again without a cursor.",
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
    title: "The type of the body is not supported",
    meaning: "Send a body of one of the types in `supported`.",
    fields: { supported: Schema.Array(Schema.String) }
  },
  "crew-invalid": {
    status: 422,
    title: "The crew is invalid",
    meaning: "The crew or its inputs are invalid; `errors` lists all problems.",
    fields: { errors }
  },
  "unknown-task": {
    status: 422,
    title: "The task does not exist in the execution",
    meaning: "No task has the id `taskId`; `detail` names the open tasks.",
    fields: {}
  },
  "path-refused": {
    status: 422,
    title: "The path is not allowed",
    meaning: "The path of a file must be relative, and must not lead outside the workspace of the execution with `..`.",
    fields: {}
  },
  "quota-exceeded": {
    status: 422,
    title: "The files of the execution exceed the quota",
    meaning:
      "The total size of the files of an execution is limited; `detail` states the limit. Delete files that are no longer needed.",
    fields: {}
  },
  "address-refused": {
    status: 422,
    title: "The tool must not call this address",
    meaning: "The address is private or reserved, or the host is not allowed; see CREWLINE_ALLOW_ADDRESSES.",
    fields: {}
  },
  "policy-denied": {
    status: 422,
    title: "The policy of the tenant denies the call",
    meaning:
      "The tool policy of the tenant (`GET /api/v1/tools/policy`) or the list of allowed hosts denies this call; see `detail`.",
    fields: {}
  },
  "arguments-invalid": {
    status: 422,
    title: "The arguments are invalid for the tool",
    meaning: "The body must be an object that matches the `parameters` of the tool; `detail` describes the problem.",
    fields: {}
  },
  "tool-failed": {
    status: 422,
    title: "The tool failed",
    meaning:
      "The tool was called and failed; `detail` is its message, and `reason` is its error code, if there is one.",
    fields: { reason: Schema.optionalKey(Schema.String) }
  },
  "tool-invalid": {
    status: 422,
    title: "The tools cannot be registered",
    meaning:
      "The OpenAPI document cannot be used as tools, or a name, secret or host in the request is not allowed; `errors` lists the problems, with paths from the root of the body.",
    fields: { errors }
  },
  "memory-refused": {
    status: 422,
    title: "The text is not worth remembering",
    meaning:
      "Texts without words, status reports, tool errors, recalled memories, and memories whose key was erased are not stored; `reason` states which applies.",
    fields: { reason: Schema.Literals(["no-words", "status", "error", "recalled", "erased"]) }
  },
  "no-manager": {
    status: 422,
    title: "There is no manager to read the message",
    meaning:
      "The message names no task, and the crew has no manager: set `taskId` to the task whose agent should read it.",
    fields: {}
  },
  "hash-mismatch": {
    status: 422,
    title: "The answer does not match the ask",
    meaning: "`hash` does not match the current hash of the ask. Read the ask again, and answer with its current hash.",
    fields: {}
  },
  "master-key-missing": {
    status: 422,
    title: "The server cannot store secrets",
    meaning:
      "Provider keys and secrets are stored encrypted, and the server has no master key: set CREWLINE_MASTER_KEY (openssl rand -base64 32), or for a provider set `apiKeyVariable` to the environment variable that contains the key.",
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
    title: "A WebSocket is required",
    meaning: "Open this URL as a WebSocket.",
    fields: {}
  },
  "rate-limited": {
    status: 429,
    title: "Too many requests",
    meaning:
      "The credential (`limit`: `key`) or its tenant has reached its maximum number of requests per minute, or the network of the client (`address`) has sent too many invalid credentials; `Retry-After` is the number of seconds until the next request is allowed.",
    fields: { limit: Schema.Literals(["key", "tenant", "address"]), retryAfterSeconds: Schema.Int }
  },
  "too-many-executions": {
    status: 429,
    title: "Too many executions have not ended",
    meaning:
      "The tenant has the maximum number (`limit`) of executions that have not ended, including waiting and paused ones: wait until one ends, or cancel one.",
    fields: { limit: Schema.Int }
  },
  "internal-error": {
    status: 500,
    title: "The server failed",
    meaning: "An internal error of the server; its log has details.",
    fields: {}
  },
  unavailable: {
    status: 503,
    title: "The server is temporarily unable to do this",
    meaning: "The storage does not respond; try again in a moment.",
    fields: {}
  }
} as const satisfies { readonly [code: string]: Declaration }

type Table = typeof table

/** What kind of problem: stable, for programs. */
export type Code = keyof Table

/**
 * A problem with one of these codes: an Effect error that carries its response. `_tag` is its code.
 */
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
  // A class created in a loop has no individual type; here it gets that of its table entry.
  codes.map((code) => classes[code]) as unknown as { readonly [I in keyof Codes]: SchemaOf<Codes[I]> }

/** A problem. `detail` describes the specific case. */
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

/** The text of a problem, for responses outside the router. */
export const stringify = (problem: Problem): string => JSON.stringify(toJson(problem))

/** A problem as JSON. */
export const toJson = (problem: Problem): unknown => Schema.encodeUnknownSync(classes[problem.code])(problem)

/** Errors of reading a body. */
export const ofBody = ["invalid-syntax", "invalid-request", "payload-too-large", "unsupported-media-type"] as const
export type OfBody = Problem<(typeof ofBody)[number]>

/** The meaning and the remedy of each problem, by code: the pages under `/problems`. */
export const catalogue: {
  readonly [code: string]: { readonly status: number; readonly title: string; readonly meaning: string }
} = Record.map(table, ({ meaning, status, title }) => ({ status, title, meaning }))
