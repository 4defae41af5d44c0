/** Events of the feed as sent to clients: encoded as JSON once, for all clients. */
import type * as Feed from "@crewline/core/Feed"
import type { Filters } from "../Api/Feed.ts"
import * as Frame from "./Frame.ts"

const texts = new WeakMap<Feed.Fed, string>()

/** The event with its cursor and the crew of its execution. */
export const toJson = (fed: Feed.Fed): string => {
  let text = texts.get(fed)
  if (text === undefined) {
    const { event, ...place } = fed
    texts.set(fed, (text = JSON.stringify({ ...place, ...event })))
  }
  return text
}

const frames = new WeakMap<Feed.Fed, Buffer>()

/** The same as a WebSocket frame. */
export const toFrame = (fed: Feed.Fed): Buffer => {
  let frame = frames.get(fed)
  if (frame === undefined) frames.set(fed, (frame = Frame.encode(toJson(fed))))
  return frame
}

/** The filter of a query. */
export const filterOf = ({ type, ...filter }: Filters): Feed.Filter => ({
  ...filter,
  ...(type !== undefined && { types: new Set(type.split(",")) })
})
