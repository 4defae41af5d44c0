/**
 * The tool `web_fetch`: a page of the public web as Markdown, without navigation and hidden text,
 * or a text document as it is. Pages that a site's robots.txt disallows are not fetched.
 */
import { type ToolError, ToolFailed } from "@crewline/core/Toolbox"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as Media from "./Media.ts"
import type { Answer, Network } from "./Network.ts"
import * as Robots from "./WebFetch/Robots.ts"

export interface Options {
  readonly network: Network
  /** Time limit of the whole call, in milliseconds. Default: 20,000. */
  readonly timeoutMillis?: number
  /** A page is truncated after this many bytes. Default: 2 MiB. */
  readonly maxBytes?: number
  /** Whether robots.txt is obeyed. Default: true. */
  readonly robots?: boolean
}

const Parameters = Schema.Struct({ url: Schema.NonEmptyString })

export const make = (options: Options): Toolbox.Tool => {
  const { maxBytes = 2 * 1024 * 1024, network, robots = true, timeoutMillis = 20_000 } = options
  const rules = Robots.make(network)
  return BuiltIn.make({
    name: "web_fetch",
    description: "Fetches a web page as Markdown.",
    parameters: Parameters,
    aliases: { website_url: "url", website: "url", link: "url", uri: "url" },
    kind: "network",
    idempotent: true,
    cacheable: true,
    origin: "web",
    execute: ({ url }) =>
      Effect.flatMap(
        network.request({
          url,
          headers: { accept: "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.8" },
          maxBytes,
          timeoutMillis,
          ...(robots && { permit: (address) => rules.permit(address) })
        }),
        readable
      )
  })
}

const readable = (answer: Answer): Effect.Effect<string, ToolError> => {
  const { body, headers, isCut, status, url } = answer
  if (status >= 400) return Effect.fail(new ToolFailed({ message: `${url.href} answered with status ${status}.` }))
  const contentType = headers.get("content-type")
  const text = Media.textOf(contentType, body)
  if (text === undefined) {
    const message = `${url.href} is ${Media.typeOf(contentType) || "binary"}, which cannot be read as text.`
    return Effect.fail(new ToolFailed({ message }))
  }
  const note = isCut ? `\n\n[The page was truncated after ${body.length} bytes.]` : ""
  const isHtml = /html/.test(Media.typeOf(contentType)) || /^\s*<(?:!doctype html|html)\b/i.test(text)
  if (!isHtml) return Effect.succeed(`${url.href}\n\n${text}${note}`)
  // Most processes do not read pages.
  return Effect.map(
    Effect.promise(() => import("./WebFetch/Markdown.ts")),
    ({ fromHtml }) => {
      const { markdown, title } = fromHtml(text, url)
      return `${title === "" ? "" : `${title}\n`}${url.href}\n\n${markdown || "(The page has no text.)"}${note}`
    }
  )
}
