/**
 * The HTTP API as data: every endpoint with its inputs and outputs. Handlers (`Http`), OpenAPI and
 * typed clients (`HttpApiClient.make(Api)`) are derived from it. Contains no server code, so that
 * clients can import it.
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as OpenApi from "effect/http-api/OpenApi"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import { type Access, Authentication } from "./Api/Access.ts"
import { Audit, Auditing } from "./Api/Audit.ts"
import { Agents } from "./Api/Agents.ts"
import { Budget } from "./Api/Budget.ts"
import * as Description from "./Api/Description.ts"
import { Crews } from "./Api/Crews.ts"
import { Executions } from "./Api/Executions.ts"
import { Files } from "./Api/Files.ts"
import { Feed } from "./Api/Feed.ts"
import { Health } from "./Api/Health.ts"
import { Inbox } from "./Api/Inbox.ts"
import { Keys } from "./Api/Keys.ts"
import { LlmProviders } from "./Api/LlmProviders.ts"
import { Memories } from "./Api/Memories.ts"
import { Me } from "./Api/Me.ts"
import { OutboxRows } from "./Api/Outbox.ts"
import { Problems } from "./Api/ProblemMiddleware.ts"
import { Queue, Workers } from "./Api/Queue.ts"
import { QueryKeys } from "./Api/QueryKeys.ts"
import { Secrets } from "./Api/Secrets.ts"
import { Tools } from "./Api/Tools.ts"

export { AgentBody } from "./Api/Agents.ts"
export { TenantBudget } from "./Api/Budget.ts"
export { CrewBody } from "./Api/Crews.ts"
export * as Problem from "./Api/Problem.ts"
export { ProviderBody } from "./Api/ProviderBody.ts"

const secured = HttpApi.make("crewline")
  .add(Crews)
  .add(Agents)
  .add(LlmProviders)
  .add(Secrets)
  .add(Budget)
  .add(Tools)
  .add(Executions)
  .add(Files)
  .add(Feed)
  .add(Inbox)
  .add(Memories)
  .add(OutboxRows)
  .add(Workers)
  .add(Queue)
  .add(Keys)
  .add(Audit)
  .add(Me)
  // Inside the authentication: unauthenticated callers learn nothing about keys.
  .middleware(QueryKeys)
  .middleware(Authentication)

const operations = secured.add(Health.middleware(QueryKeys))

type EndpointOf<Group> = Group extends HttpApiGroup.Constraint ? HttpApiGroup.Endpoints<Group> : never
type OperationsOf<Groups> = Groups extends HttpApiGroup.Constraint
  ? `${HttpApiGroup.Identifier<Groups>}.${HttpApiEndpoint.Identifier<EndpointOf<Groups>>}`
  : never
type GroupsOf<A> = A extends HttpApi.HttpApi<string, infer Groups> ? Groups : never

/** An operation, as OpenAPI names it: `crews.list`. */
export type Operation = OperationsOf<GroupsOf<typeof operations>>

/** The access that each operation requires. A missing operation does not compile. */
export const access: { readonly [O in Operation]: Access } = {
  "crews.list": "crews:read",
  "crews.get": "crews:read",
  "crews.create": "crews:write",
  "crews.replace": "crews:write",
  "crews.remove": "crews:write",
  "crews.generate": "executions:run",
  "agents.list": "agents:read",
  "agents.get": "agents:read",
  "agents.create": "agents:write",
  "agents.replace": "agents:write",
  "agents.remove": "agents:write",
  "llmProviders.list": "llm-providers:read",
  "llmProviders.get": "llm-providers:read",
  "llmProviders.create": "llm-providers:write",
  "llmProviders.replace": "llm-providers:write",
  "llmProviders.remove": "llm-providers:write",
  "llmProviders.test": "llm-providers:write",
  "secrets.list": "secrets:read",
  "secrets.get": "secrets:read",
  "secrets.create": "secrets:write",
  "secrets.replace": "secrets:write",
  "secrets.remove": "secrets:write",
  "budget.get": "budget:read",
  "budget.set": "budget:write",
  "budget.remove": "budget:write",
  "tools.list": "tools:read",
  "tools.register": "tools:write",
  "tools.remove": "tools:write",
  "tools.getPolicy": "tools:read",
  "tools.setPolicy": "tools:write",
  "tools.test": "tools:test",
  "executions.start": "executions:run",
  "executions.list": "executions:read",
  "executions.get": "executions:read",
  "executions.remove": "executions:delete",
  "executions.cancel": "executions:run",
  "executions.pause": "executions:run",
  "executions.resume": "executions:run",
  "executions.events": "executions:read",
  "executions.signal": "executions:run",
  "executions.message": "executions:run",
  "files.read": "executions:read",
  "files.write": "executions:run",
  "files.remove": "executions:run",
  "feed.read": "executions:read",
  "inbox.list": "inbox:read",
  "inbox.answer": "inbox:answer",
  "memories.list": "memories:read",
  "memories.get": "memories:read",
  "memories.search": "memories:read",
  "memories.explain": "memories:read",
  "memories.entities": "memories:read",
  "memories.relations": "memories:read",
  "memories.export": "memories:read",
  "memories.statistics": "memories:read",
  "memories.retention": "memories:read",
  "memories.remember": "memories:write",
  "memories.change": "memories:write",
  "memories.remove": "memories:write",
  "memories.forget": "memories:write",
  "memories.import": "memories:write",
  "memories.retain": "memories:write",
  "outbox.list": "queue:read",
  "outbox.retry": "executions:run",
  "workers.list": "queue:read",
  "queue.overview": "queue:read",
  "queue.deadLetters": "queue:read",
  "queue.retry": "executions:run",
  "keys.list": "keys:read",
  "keys.get": "keys:read",
  "keys.create": "keys:write",
  "keys.rotate": "keys:write",
  "keys.revoke": "keys:write",
  "audit.list": "audit:read",
  "me.get": "authenticated",
  "me.ticket": "authenticated",
  "health.live": "public",
  "health.ready": "public"
}

/** Operations that have a body but only read. */
export const readsByPost: ReadonlySet<string> = new Set<Operation>(["memories.search", "memories.explain"])

export class Api extends operations
  .middleware(Problems)
  // Outermost: it sees the result of all inner middleware.
  .middleware(Auditing)
  .annotate(HttpApi.ParseOptions, { errors: "all" })
  .annotate(HttpApi.QueryParseOptions, { errors: "all", onExcessProperty: "error" })
  .annotateMerge(
    OpenApi.annotations({
      title: "Crewline",
      version: "1",
      transform: Description.complete(access),
      servers: [{ url: "/", description: "This server" }],
      license: { name: "MIT", identifier: "MIT" },
      description:
        "Runs crews of AI agents. Failures are RFC 9457 problems with a stable `code`; `/problems` explains each. " +
        "Unknown keys of queries and bodies are rejected. Lists return `{ items, nextCursor? }`. Every GET except streams has an " +
        "`ETag` and returns 304 if `If-None-Match` matches it. Executions can be followed as server-sent events, or by WebSocket at " +
        "`/api/v1/executions/{id}/ws?after=seq`: stored events have a `seq`, counted from 1 without gaps; text deltas have " +
        'none. Clients can answer asks of the execution there: `{ "type": "answer", "id": … }` with the fields of ' +
        "`POST /api/v1/inbox/{id}/answer` returns `AnswerAccepted` (`id`, `ask`) or `AnswerRefused` (`id`, `problem`), " +
        'and `{ "type": "message", "text": … }` with the fields of `POST /api/v1/executions/{id}/messages`, an `id` chosen by the sender ' +
        "and an `idempotencyKey` returns `MessageAccepted` (`id`, `message`) or `MessageRefused` (`id`, `problem`), also without `seq`. Close codes: 1000 after `ExecutionEnded` was sent, 1012 the server restarts, 4400 `after` is not a seq of this " +
        "execution, 4401 the credential has expired or was revoked, 4404 the execution does not exist, 4410 it was deleted, 4408 the client reads too slowly (the reason is the last seq that was sent). " +
        "The events of all executions are at `/api/v1/feed`, and by WebSocket at `/api/v1/feed/ws?after=cursor`, with the same query and close codes: 4410 means that events after the cursor were deleted because of their age."
    })
  ) {}
