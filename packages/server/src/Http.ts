/**
 * All HTTP routes of this server: the API, its description, its documentation, and a welcome page.
 */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiScalar from "effect/http-api/HttpApiScalar"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import { Api } from "./Api.ts"
import * as CrewReader from "./CrewReader.ts"
import * as Agents from "./Http/Agents.ts"
import * as Audit from "./Http/Audit.ts"
import * as Auditing from "./Http/Auditing.ts"
import * as Authenticate from "./Http/Authenticate.ts"
import * as Budget from "./Http/Budget.ts"
import * as Conditional from "./Http/Conditional.ts"
import * as Crews from "./Http/Crews.ts"
import * as Executions from "./Http/Executions.ts"
import * as Fallback from "./Http/Fallback.ts"
import * as Files from "./Http/Files.ts"
import * as Feed from "./Http/Feed.ts"
import * as Health from "./Http/Health.ts"
import * as Inbox from "./Http/Inbox.ts"
import * as Keys from "./Http/Keys.ts"
import * as LlmProviders from "./Http/LlmProviders.ts"
import * as Me from "./Http/Me.ts"
import * as Memories from "./Http/Memories.ts"
import * as Outbox from "./Http/Outbox.ts"
import * as QueryKeys from "./Http/QueryKeys.ts"
import * as Queue from "./Http/Queue.ts"
import * as RequestBody from "./Http/RequestBody.ts"
import * as RequestLog from "./Http/RequestLog.ts"
import * as Secrets from "./Http/Secrets.ts"
import * as Tools from "./Http/Tools.ts"
import * as Problem from "./Api/Problem.ts"

const api = HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
  Layer.provide([
    Crews.layer,
    Agents.layer,
    LlmProviders.layer,
    Secrets.layer,
    Budget.layer,
    Tools.layer,
    Executions.layer,
    Files.layer,
    Feed.layer,
    Inbox.layer,
    Memories.layer,
    Outbox.layer,
    Queue.layer,
    Keys.layer,
    Audit.layer,
    Me.layer,
    Health.layer
  ]),
  Layer.provide(CrewReader.layer),
  Layer.provide([Fallback.layerProblems, QueryKeys.layer, Authenticate.layer, Auditing.layer])
)

/** No external resources: the reference page contains its own script and style. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'unsafe-inline'",
  "style-src 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'"
].join("; ")

/**
 * The page has no links to its vendor's services; Effect's types cover only some of the settings.
 */
const scalar = {
  withDefaultFonts: false,
  hideClientButton: true,
  showDeveloperTools: "never",
  agent: { disabled: true },
  mcp: { disabled: true },
  telemetry: false
}

/** The page of the API reference. */
const docs = HttpApiScalar.layer(Api, { path: "/docs", scalar }).pipe(
  Layer.provide(
    HttpRouter.middleware((page) =>
      Effect.map(page, HttpServerResponse.setHeader("content-security-policy", contentSecurityPolicy))
    ).layer
  )
)

const index = HttpRouter.add(
  "GET",
  "/",
  Effect.succeed(
    HttpServerResponse.jsonUnsafe({
      name: "Crewline",
      docs: "/docs",
      openapi: "/openapi.json",
      crews: "/api/v1/crews",
      agents: "/api/v1/agents",
      llmProviders: "/api/v1/llm-providers",
      secrets: "/api/v1/secrets",
      budget: "/api/v1/budget",
      tools: "/api/v1/tools",
      executions: "/api/v1/executions",
      feed: "/api/v1/feed",
      inbox: "/api/v1/inbox",
      memories: "/api/v1/memories",
      outbox: "/api/v1/outbox",
      workers: "/api/v1/workers",
      queue: "/api/v1/queue",
      keys: "/api/v1/keys",
      audit: "/api/v1/audit",
      me: "/api/v1/me",
      follow: "/api/v1/executions/{id}/ws?after={seq}",
      health: { live: "/health/live", ready: "/health/ready" },
      problems: "/problems"
    })
  )
)

const problems = HttpRouter.addAll([
  HttpRouter.route("GET", "/problems", Effect.succeed(HttpServerResponse.jsonUnsafe(Problem.catalogue))),
  HttpRouter.route(
    "GET",
    "/problems/:code",
    Effect.flatMap(HttpRouter.params, ({ code = "" }) => {
      const problem = Object.hasOwn(Problem.catalogue, code) ? Problem.catalogue[code] : undefined
      return problem === undefined
        ? HttpServerRespondable.toResponse(
            Problem.make("no-such-route", { detail: "This problem does not exist; see /problems." })
          )
        : Effect.succeed(HttpServerResponse.jsonUnsafe({ code, ...problem }))
    })
  )
])

/** A plain request for the address of a WebSocket. */
const webSocket = (path: `/${string}`, instead: string) =>
  HttpRouter.route(
    "GET",
    path,
    HttpServerRespondable.toResponse(
      Problem.make("upgrade-required", {
        detail: `Open this address as a WebSocket, or ${instead} with Accept: text/event-stream.`
      })
    ).pipe(Effect.map(HttpServerResponse.setHeaders({ connection: "Upgrade", upgrade: "websocket" })))
  )

const webSockets = HttpRouter.addAll([
  webSocket("/api/v1/executions/:id/ws", "follow the execution at …/events"),
  webSocket("/api/v1/feed/ws", "read /api/v1/feed")
])

/**
 * Overlong parameters are left to their Schema, which reports them; Node limits the whole request
 * line.
 */
const maxParamLength = 16 * 1024

/** The application: every route, and an answer to unmatched requests. */
export const make = Effect.map(
  HttpRouter.toHttpEffect(Layer.mergeAll(api, docs, index, problems, webSockets)).pipe(
    Effect.provideService(HttpRouter.RouterConfig, { maxParamLength })
  ),
  (routes) => RequestLog.logged(Conditional.answer(Fallback.answer(RequestBody.limited(QueryKeys.onPages(routes)))))
)
