/**
 * The middleware of every address of the API: parameters that cannot be decoded, faults and
 * failures of the storage are problems like all others.
 */
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as Problem from "./Problem.ts"

export class Problems extends HttpApiMiddleware.Service<Problems>()("@crewline/server/Api/ProblemMiddleware", {
  error: Problem.schemas("invalid-request", "internal-error", "unavailable")
}) {}
