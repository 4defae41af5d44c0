/**
 * The handler of `/api/v1/feed`: a page of events, or a stream of server-sent events that does not
 * end.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as CoreFeed from "@crewline/core/Feed"
import * as Tenant from "@crewline/core/Tenant"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { Api } from "../Api.ts"
import { maxBytes } from "../Api/Page.ts"
import { Credentials } from "../Credentials.ts"
import { Followers } from "../Followers.ts"
import * as FeedEvents from "../Followers/FeedEvents.ts"
import * as Lifecycle from "../Listener/Lifecycle.ts"
import * as Principal from "../Principal.ts"
import type { Format } from "./EventPieces.ts"
import * as ServerSentEvents from "./ServerSentEvents.ts"
import * as StoreProblems from "./StoreProblems.ts"

type Log = Pick<EventLog.EventLog["Service"], "readFeed" | "feed">

/** An event, or a comment that keeps the connection alive. */
type Item = CoreFeed.Fed | "heartbeat"

/** Sends matching events; a comment moves the client past the others. */
const makeFormat = (filter: CoreFeed.Filter): Format<Item> => {
  let passed: string | undefined
  return {
    idOf: (item) => (item === "heartbeat" ? passed : item.cursor),
    encode: (item) => {
      // An id without data changes the client's last event id, and is not an event.
      if (item === "heartbeat") return passed === undefined ? ":\n\n" : `:\nid: ${passed}\n\n`
      passed = item.cursor
      return CoreFeed.matches(filter, item) ? `id: ${item.cursor}\ndata: ${FeedEvents.toJson(item)}\n\n` : ""
    }
  }
}

const defaultEvents = 100
/** Events kept in memory before the size of a page is known. */
const eventsAtOnce = 128

const after = (cursor: string | undefined): CoreFeed.Options => (cursor === undefined ? {} : { after: cursor })

/** Scans this many events; keeps no more bytes of them than a page may have. */
const readPage = Effect.fnUntraced(function* (
  log: Log,
  filter: CoreFeed.Filter,
  { cursor, limit }: { readonly cursor: string | undefined; readonly limit: number }
) {
  const items: Array<string> = []
  let readTo = cursor
  let bytes = 0
  for (let left = limit; ;) {
    // One more than is scanned, to know whether there are more.
    const wanted = Math.min(left + 1, eventsAtOnce)
    const events = yield* log.readFeed({ ...after(readTo), limit: wanted })
    for (const fed of events) {
      const isWanted = CoreFeed.matches(filter, fed)
      const item = isWanted ? FeedEvents.toJson(fed) : ""
      bytes += Buffer.byteLength(item)
      if (left === 0 || (items.length > 0 && bytes > maxBytes)) return { items, readTo, hasMore: true }
      left--
      if (isWanted) items.push(item)
      readTo = fed.cursor
    }
    if (events.length < wanted) return { items, readTo, hasMore: false }
  }
})

export const layer = HttpApiBuilder.group(
  Api,
  "feed",
  Effect.fnUntraced(function* (handlers) {
    const log = yield* EventLog.EventLog
    const lifecycle = yield* Lifecycle.Lifecycle
    const { limits } = yield* Followers
    const credentials = yield* Credentials
    return handlers.handle("read", ({ headers, query: { after: asked, limit, ...filters }, request }) =>
      Effect.gen(function* () {
        const filter = FeedEvents.filterOf(filters)
        if (!ServerSentEvents.isWanted(request)) {
          const page = yield* readPage(log, filter, { cursor: asked, limit: limit ?? defaultEvents }).pipe(
            StoreProblems.feed(["query", "after"])
          )
          const nextAfter = page.readTo === undefined ? "" : `,"nextAfter":${JSON.stringify(page.readTo)}`
          return HttpServerResponse.text(`{"items":[${page.items.join(",")}]${nextAfter},"hasMore":${page.hasMore}}`, {
            contentType: "application/json"
          })
        }
        const last = headers["last-event-id"]
        // Without one, an EventSource that was disconnected before its first event sends nothing.
        const cursor = last === undefined || last === "" ? asked : last
        yield* log
          .readFeed({ ...after(cursor), limit: 1 })
          .pipe(StoreProblems.feed(cursor === asked ? ["query", "after"] : ["headers", "last-event-id"]))
        // The stream runs after the handler has returned, outside its context.
        const events = log.feed(after(cursor)).pipe(
          Stream.provideService(Tenant.Current, yield* Tenant.Current),
          Stream.map((fed): Item => fed),
          // Deleted meanwhile: the client reconnects, and gets 410.
          Stream.catchIf(
            ({ reason }) => reason._tag === "CursorExpired",
            () => Stream.empty
          )
        )
        return ServerSentEvents.respond(events, {
          request,
          lifecycle,
          patienceMillis: limits.patienceMillis,
          ended: credentials.ended(yield* Principal.Current),
          after: cursor ?? "",
          format: makeFormat(filter),
          heartbeat: (): Item => "heartbeat"
        })
      })
    )
  })
)
