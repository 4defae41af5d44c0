/**
 * The HTTP server of the process: one port for requests and WebSockets.
 *
 * When its scope closes, it stops accepting, tells followers that the server restarts (1012), lets
 * pending requests finish for a while, and closes the remaining connections.
 */
import * as Guarded from "@crewline/core/Guarded"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Fiber from "effect/Fiber"
import * as Http from "node:http"
import type { Duplex } from "node:stream"
import { Followers } from "./Followers.ts"
import * as AddressSecrets from "./Listener/AddressSecrets.ts"
import * as Cors from "./Listener/Cors.ts"
import * as OriginCheck from "./Listener/OriginCheck.ts"
import * as UpgradeRequest from "./Listener/UpgradeRequest.ts"
import * as Lifecycle from "./Listener/Lifecycle.ts"
import * as Problem from "./Api/Problem.ts"

/** The server cannot listen on its address. */
export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  host: Schema.String,
  port: Schema.Int,
  /** Of the system: `EADDRINUSE`, `EACCES`, … */
  code: Schema.String
}) {
  override get message() {
    const where = `${this.host}:${this.port}`
    switch (this.code) {
      case "EADDRINUSE":
        return `Port ${this.port} is in use on ${this.host}. Stop the process that listens there, or choose another port: PORT=${this.port + 1}.`
      case "EACCES":
        return `Permission to listen on ${where} was denied. Choose a port above 1023: PORT=4747.`
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
        return `${this.host} is not an address of this machine. Choose another one: HOST=127.0.0.1.`
      default:
        return `The server cannot listen on ${where} (${this.code}).`
    }
  }
}

export interface Options {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly allowedHosts: ReadonlyArray<string>
  /**
   * How long an idle connection stays open, in milliseconds; longer than proxies in front keep
   * theirs. Default: 75,000.
   */
  readonly keepAliveMillis?: number
}

export class Listener extends Context.Service<
  Listener,
  {
    /** Where the server is reached, without a slash at the end. */
    readonly url: string
    readonly port: number
  }
>()("@crewline/server/Listener") {}

/** How long pending requests may take after the server was asked to stop. */
const graceMillis = 5_000

/** Of the feed, or of an execution. */
const followPath = /^\/api\/v1\/(?:feed|executions\/([A-Za-z0-9_-]{1,128}))\/ws\/?$/

/** A problem on a connection that asked for a WebSocket, before it is one. */
const refuseUpgrade = (socket: Duplex, problem: Problem.Problem) => {
  const body = Problem.stringify(problem)
  const challenge = problem.status === 401 ? "www-authenticate: Bearer\r\n" : ""
  // The peer may keep its half open for ever.
  socket.once("finish", () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${problem.status} ${Http.STATUS_CODES[problem.status] ?? ""}\r\nconnection: close\r\n` +
      `content-type: application/problem+json\r\n${challenge}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

/**
 * Without the services of this server: routes have theirs since they were built. Effect copies the
 * context for each request, several times.
 */
const withoutServices = <R>({ mapUnsafe }: Context.Context<R>) =>
  Context.makeUnsafe<R>(new Map([...mapUnsafe].filter(([key]) => !key.startsWith("@crewline/"))))

/** Serves an application, which answers every request. */
export const make = Effect.fnUntraced(function* <R>(
  app: Effect.Effect<HttpServerResponse, never, R | HttpServerRequest | Scope.Scope>,
  options: Options
) {
  const followers = yield* Followers
  const lifecycle = yield* Lifecycle.Lifecycle
  // A separate scope, created before the finalizer below and so closed after it: pending requests
  // are interrupted last.
  const scope = Scope.forkUnsafe(yield* Effect.scope, "parallel")
  const refuses = OriginCheck.refuses(options)
  const handle = yield* NodeHttpServer.makeHandler(app, { scope }).pipe(
    Effect.updateContext((context: Context.Context<Exclude<R, HttpServerRequest | Scope.Scope>>) =>
      withoutServices(context)
    )
  )

  const guarded = yield* Guarded.make
  const server = Http.createServer(
    { shouldUpgradeCallback: UpgradeRequest.isWebSocket },
    guarded(
      "Answering a request",
      (request: Http.IncomingMessage, response: Http.ServerResponse) => {
        AddressSecrets.take(request)
        const reason = refuses(request.headers)
        if (reason === undefined) return Cors.answer(request, response) ? undefined : handle(request, response)
        const problem = Problem.make("foreign-origin", { detail: reason })
        response.writeHead(problem.status, { "content-type": "application/problem+json" })
        response.end(Problem.stringify(problem))
      },
      (_, response) => response.destroy()
    )
  )

  // A proxy that keeps a connection longer than the server does could send a request on a closing
  // one: most keep them for 60 s.
  server.keepAliveTimeout = options.keepAliveMillis ?? 75_000
  server.headersTimeout = server.keepAliveTimeout + 5_000

  server.on(
    "upgrade",
    guarded(
      "Opening a WebSocket",
      (request: Http.IncomingMessage, socket: Duplex, head: Buffer) => {
        AddressSecrets.take(request)
        if (!UpgradeRequest.isWebSocket(request)) return UpgradeRequest.ignore(server, request, socket, head)
        socket.on(
          "error",
          guarded("Closing a connection that failed", () => socket.destroy())
        )
        if (refuses(request.headers) !== undefined) return refuseUpgrade(socket, Problem.make("foreign-origin", {}))
        // A client may send any target, and not every one is a URL.
        const url = URL.parse(request.url ?? "/", "http://localhost")
        const path = url === null ? null : followPath.exec(url.pathname)
        if (url === null || path === null || request.method !== "GET") {
          return refuseUpgrade(socket, Problem.make("no-such-route", {}))
        }
        followers.accept(
          {
            executionId: path[1],
            query: url.searchParams,
            refuse: (problem) => refuseUpgrade(socket, problem)
          },
          request,
          socket,
          head
        )
      },
      (_, socket) => socket.destroy()
    )
  )

  const { host, port } = options
  yield* Effect.callback<void, CannotListen>((resume) => {
    const failed = guarded("Listening", (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(new CannotListen({ host, port, code: error.code ?? error.name })))
    )
    server.once("error", failed)
    server.listen({ host, port }, () => {
      server.off("error", failed)
      resume(Effect.void)
    })
  })

  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      yield* lifecycle.stop
      const closed = yield* Effect.forkChild(
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeIdleConnections()
        }),
        { startImmediately: true }
      )
      yield* followers.close
      // Connections that become idle after their last answer are closed as they do.
      const sweep = setInterval(() => server.closeIdleConnections(), 50)
      const cut = setTimeout(() => server.closeAllConnections(), graceMillis)
      yield* Effect.ensuring(
        Fiber.await(closed),
        Effect.sync(() => {
          clearInterval(sweep)
          clearTimeout(cut)
        })
      )
    })
  )

  const address = server.address()
  const actual = typeof address === "object" && address !== null ? address.port : port
  // Not every browser can open 0.0.0.0, but every one can open this machine's address.
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host
  return Listener.of({ url: `http://${name}:${actual}`, port: actual })
})
