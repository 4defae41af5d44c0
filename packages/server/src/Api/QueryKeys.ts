/** The middleware that refuses unknown query keys for every operation. */
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as Problem from "./Problem.ts"

export class QueryKeys extends HttpApiMiddleware.Service<QueryKeys>()("@crewline/server/Api/QueryKeys", {
  error: Problem.schemas("invalid-request")
}) {}
