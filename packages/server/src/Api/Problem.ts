/**
 * Everything that a request can be answered with instead of what it asked for: RFC 9457 problems, `application/problem+json`.
 *
 * - `code` is stable and for programs; `type` is the same code as a path that this server answers with an explanation.
 * - `errors` names every invalid field at once, each with a path, a code and a sentence.
 * - A problem never carries what the server knows and the client should not: no stack, no SQL, no key.
 */
import * as Schema from "effect/Schema"
import * as HttpApiError from "effect/http-api/HttpApiError"

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

/** The request does not have the form that it should have. */
export class InvalidRequest extends HttpApiError.Problem<InvalidRequest>()(
  "InvalidRequest",
  { type: "/problems/invalid-request", status: 400, title: "The request is invalid" },
  { code: Schema.tag("invalid-request"), errors }
) {}

/** The body is no JSON, or no YAML. */
export class InvalidSyntax extends HttpApiError.Problem<InvalidSyntax>()(
  "InvalidSyntax",
  { type: "/problems/invalid-syntax", status: 400, title: "The body cannot be read" },
  {
    code: Schema.tag("invalid-syntax"),
    line: Schema.optionalKey(Schema.Int),
    column: Schema.optionalKey(Schema.Int),
    errors
  }
) {}

/** There is nothing at this address. */
export class NoSuchRoute extends HttpApiError.Problem<NoSuchRoute>()(
  "NoSuchRoute",
  { type: "/problems/no-such-route", status: 404, title: "There is nothing at this address" },
  { code: Schema.tag("no-such-route") }
) {}

/** There is no crew, agent, provider or execution of this id. */
export class NotFound extends HttpApiError.Problem<NotFound>()(
  "NotFound",
  { type: "/problems/not-found", status: 404, title: "There is no such resource" },
  {
    code: Schema.tag("not-found"),
    resource: Schema.Literals(["crew", "agent", "llm-provider", "execution"]),
    id: Schema.String
  }
) {}

/** The address exists, but not with this method. */
export class MethodNotAllowed extends HttpApiError.Problem<MethodNotAllowed>()(
  "MethodNotAllowed",
  { type: "/problems/method-not-allowed", status: 405, title: "This method is not allowed here" },
  { code: Schema.tag("method-not-allowed"), allow: Schema.Array(Schema.String) }
) {}

/** Another provider has this name. */
export class NameTaken extends HttpApiError.Problem<NameTaken>()(
  "NameTaken",
  { type: "/problems/name-taken", status: 409, title: "The name is taken" },
  { code: Schema.tag("name-taken"), errors }
) {}

/** The execution is over, or does not wait for what it was told. */
export class ExecutionConflict extends HttpApiError.Problem<ExecutionConflict>()(
  "ExecutionConflict",
  { type: "/problems/execution-conflict", status: 409, title: "The execution cannot do this now" },
  { code: Schema.tag("execution-conflict") }
) {}

/** The execution was deleted. */
export class Gone extends HttpApiError.Problem<Gone>()(
  "Gone",
  { type: "/problems/gone", status: 410, title: "The execution was deleted" },
  { code: Schema.tag("gone"), resource: Schema.Literal("execution"), id: Schema.String }
) {}

/** The resource has changed since the client read it. */
export class VersionMismatch extends HttpApiError.Problem<VersionMismatch>()(
  "VersionMismatch",
  { type: "/problems/version-mismatch", status: 412, title: "The resource has changed in the meantime" },
  { code: Schema.tag("version-mismatch"), version: Schema.Int }
) {}

/** The body is larger than this server reads. */
export class PayloadTooLarge extends HttpApiError.Problem<PayloadTooLarge>()(
  "PayloadTooLarge",
  { type: "/problems/payload-too-large", status: 413, title: "The body is too large" },
  { code: Schema.tag("payload-too-large"), limitBytes: Schema.Int }
) {}

/** The body is of a type that this address does not read. */
export class UnsupportedMediaType extends HttpApiError.Problem<UnsupportedMediaType>()(
  "UnsupportedMediaType",
  { type: "/problems/unsupported-media-type", status: 415, title: "The body is of a type that is not read here" },
  { code: Schema.tag("unsupported-media-type"), supported: Schema.Array(Schema.String) }
) {}

/** What reading a body may fail with. */
export const bodyProblems = [InvalidSyntax, InvalidRequest, PayloadTooLarge, UnsupportedMediaType] as const

/** The crew, or what it is started with, cannot be run. Holds everything that is wrong at once. */
export class CrewInvalid extends HttpApiError.Problem<CrewInvalid>()(
  "CrewInvalid",
  { type: "/problems/crew-invalid", status: 422, title: "The crew is invalid" },
  { code: Schema.tag("crew-invalid"), errors }
) {}

/** A key of a provider came, and the server has nothing to encrypt it with. */
export class MasterKeyMissing extends HttpApiError.Problem<MasterKeyMissing>()(
  "MasterKeyMissing",
  { type: "/problems/master-key-missing", status: 422, title: "The server cannot store keys" },
  { code: Schema.tag("master-key-missing"), errors }
) {}

/** The idempotency key was used before with another request. */
export class IdempotencyKeyReused extends HttpApiError.Problem<IdempotencyKeyReused>()(
  "IdempotencyKeyReused",
  {
    type: "/problems/idempotency-key-reused",
    status: 422,
    title: "The idempotency key belongs to another request"
  },
  { code: Schema.tag("idempotency-key-reused") }
) {}

/** The address speaks WebSocket. */
export class UpgradeRequired extends HttpApiError.Problem<UpgradeRequired>()(
  "UpgradeRequired",
  { type: "/problems/upgrade-required", status: 426, title: "This address speaks WebSocket" },
  { code: Schema.tag("upgrade-required") }
) {}

/** The request comes from a page or a name that this server does not serve. */
export class ForeignOrigin extends HttpApiError.Problem<ForeignOrigin>()(
  "ForeignOrigin",
  { type: "/problems/foreign-origin", status: 403, title: "The request comes from another site" },
  { code: Schema.tag("foreign-origin") }
) {}

/** A fault of this server; the log says more. */
export class InternalError extends HttpApiError.Problem<InternalError>()(
  "InternalError",
  { type: "/problems/internal-error", status: 500, title: "The server has a fault" },
  { code: Schema.tag("internal-error") }
) {}

/** The storage does not answer now; the same request may succeed later. */
export class Unavailable extends HttpApiError.Problem<Unavailable>()(
  "Unavailable",
  { type: "/problems/unavailable", status: 503, title: "The server cannot do this now" },
  { code: Schema.tag("unavailable") }
) {}

/** What each problem means and what to do about it, by code: the pages under `/problems`. */
export const catalogue: Readonly<Record<string, { readonly status: number; readonly meaning: string }>> = {
  "invalid-request": { status: 400, meaning: "A parameter or field has the wrong form; `errors` names each of them." },
  "invalid-syntax": {
    status: 400,
    meaning: "The body is no JSON (or YAML); `line` and `column` say where it ends to be."
  },
  "foreign-origin": {
    status: 403,
    meaning:
      "A page of another site, or a name that does not belong to this server, is not served; see CREWLINE_ALLOWED_HOSTS."
  },
  "no-such-route": {
    status: 404,
    meaning: "The path is not one of this server's; see /openapi.json for those that are."
  },
  "not-found": { status: 404, meaning: "Nothing of this id is stored; it may have been deleted." },
  "method-not-allowed": { status: 405, meaning: "The path exists, but only with the methods in `allow`." },
  "name-taken": { status: 409, meaning: "Names of providers are unique, because models are named by them." },
  "execution-conflict": {
    status: 409,
    meaning: "The execution has ended or does not wait for this; or it has not ended, and cannot be deleted yet."
  },
  gone: {
    status: 410,
    meaning:
      "The execution had ended and was deleted, by a request or because it was old (CREWLINE_RETENTION). It does not come back."
  },
  "version-mismatch": {
    status: 412,
    meaning: "`If-Match` (or `version`) is not the current version; read the resource again and repeat the change."
  },
  "payload-too-large": { status: 413, meaning: "The body has more bytes than `limitBytes`." },
  "unsupported-media-type": { status: 415, meaning: "Send a body of one of the types in `supported`." },
  "crew-invalid": { status: 422, meaning: "The crew cannot be run; `errors` holds everything that is wrong with it." },
  "master-key-missing": {
    status: 422,
    meaning:
      "Keys of providers are stored encrypted, and the server has no master key: set CREWLINE_MASTER_KEY (openssl rand -base64 32), or name the variable that holds the provider's key as `apiKeyVariable`."
  },
  "idempotency-key-reused": { status: 422, meaning: "This key was used with another request; use a new key." },
  "upgrade-required": { status: 426, meaning: "Open this address as a WebSocket." },
  "internal-error": { status: 500, meaning: "A fault of the server; its log says more." },
  unavailable: { status: 503, meaning: "The storage does not answer; try again in a moment." }
}
