/**
 * Requests that ask for an upgrade to another protocol than WebSocket (h2c, of `curl --http2` and
 * Java's client): the server ignores that they asked, as RFC 9110, 7.8 allows, and answers in
 * HTTP/1.1. From Node 22.21 and 24.9 on `isWebSocket` is all that a server needs, as its
 * `shouldUpgradeCallback`; older ones have taken the connection from its parser by then, and
 * `ignore` gives it back.
 */
import type * as Http from "node:http"
import type { Duplex } from "node:stream"

/** Whether a WebSocket is asked for. */
export const isWebSocket = ({ headers }: Http.IncomingMessage): boolean =>
  /^websocket$/i.test(headers.upgrade?.trim() ?? "")

/**
 * Has the server read the request again, without the upgrade: with its body, and later requests on
 * the connection.
 */
export const ignore = (
  server: Http.Server,
  { httpVersion, method, rawHeaders, url }: Http.IncomingMessage,
  socket: Duplex,
  head: Buffer
): void => {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2)
    if (/^(upgrade|http2-settings)$/i.test(name)) continue
    lines.push(`${name}: ${/^connection$/i.test(name) ? withoutUpgrade(value) : value}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]))
  server.emit("connection", socket)
}

const withoutUpgrade = (connection: string): string =>
  connection
    .split(",")
    .map((option) => option.trim())
    .filter((option) => !/^(upgrade|http2-settings)$/i.test(option))
    .join(", ")
