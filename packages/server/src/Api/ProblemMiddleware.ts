/**
 * The middleware of every address of the API: turns parameters that cannot be decoded, defects and
 * storage failures into problems.
 */
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as Problem from "./Problem.ts"

export class Problems extends HttpApiMiddleware.Service<Problems>()("@crewline/server/Api/ProblemMiddleware", {
  error: Problem.schemas("invalid-request", "internal-error", "unavailable")
}) {}
