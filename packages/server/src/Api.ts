/**
 * The HTTP API as data: every address, what it takes and what it answers. Handlers (`Http`), OpenAPI and typed clients
 * (`HttpApiClient.make(Api)`) are made of it. Holds no server code, so that a client may import it.
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as OpenApi from "effect/http-api/OpenApi"
import { Agents } from "./Api/Agents.ts"
import { Budget } from "./Api/Budget.ts"
import { Crews } from "./Api/Crews.ts"
import { Executions } from "./Api/Executions.ts"
import { Health } from "./Api/Health.ts"
import { Inbox } from "./Api/Inbox.ts"
import { LlmProviders } from "./Api/LlmProviders.ts"
import { OutboxRows } from "./Api/Outbox.ts"
import { Problems } from "./Api/ProblemMiddleware.ts"
import { Queue, Workers } from "./Api/Queue.ts"
import { Tools } from "./Api/Tools.ts"

export { AgentBody } from "./Api/Agents.ts"
export { TenantBudget } from "./Api/Budget.ts"
export { CrewBody } from "./Api/Crews.ts"
export * as Problem from "./Api/Problem.ts"
export { ProviderBody } from "./Api/ProviderBody.ts"

export class Api extends HttpApi.make("crewline")
  .add(Crews)
  .add(Agents)
  .add(LlmProviders)
  .add(Budget)
  .add(Tools)
  .add(Executions)
  .add(Inbox)
  .add(OutboxRows)
  .add(Workers)
  .add(Queue)
  .add(Health)
  .middleware(Problems)
  .annotate(HttpApi.ParseOptions, { errors: "all" })
  .annotateMerge(
    OpenApi.annotations({
      title: "Crewline",
      version: "1",
      license: { name: "MIT" },
      description:
        "Runs crews of AI agents. Failures are RFC 9457 problems with a stable `code`; `/problems` explains each. " +
        "Lists answer `{ items, nextCursor? }`. Executions can be followed as server-sent events, or by WebSocket at " +
        "`/api/v1/executions/{id}/ws?after=seq`: stored events carry `seq` from 1 without gaps, passing pieces of answers carry " +
        'none. A client may answer asks of the execution there: `{ "type": "answer", "id": … }` with the fields of ' +
        "`POST /api/v1/inbox/{id}/answer` is replied to by `AnswerAccepted` (`id`, `ask`) or `AnswerRefused` (`id`, `problem`), also " +
        "without `seq`. Close codes: 1000 after `ExecutionEnded` was sent, 1012 the server restarts, 4400 `after` is no seq of this " +
        "execution, 4404 there is no such execution, 4408 the client reads too slowly (the reason is the last seq it was sent)."
    })
  ) {}
