/** The middleware of every operation that refuses query keys which the operation does not know. */
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as Problem from "./Problem.ts"

export class QueryKeys extends HttpApiMiddleware.Service<QueryKeys>()("@crewline/server/Api/QueryKeys", {
  error: Problem.schemas("invalid-request")
}) {}
