/**
 * Tickets in addresses. Addresses are written down wherever requests are traced: before anything else looks at a request, its ticket
 * becomes `Authorization: Ticket …`, which nobody writes down.
 */
import type { IncomingMessage } from "node:http"

/** Moves the ticket of a request from its address to its headers, unless it shows another credential there. */
export const move = (request: IncomingMessage): void => {
  const { headers, url = "" } = request
  const start = url.indexOf("?")
  if (start === -1 || !url.includes("ticket=", start)) return
  const query = new URLSearchParams(url.slice(start + 1))
  const ticket = query.get("ticket")
  if (ticket === null) return
  query.delete("ticket")
  request.url = `${url.slice(0, start)}${query.size === 0 ? "" : `?${query.toString()}`}`
  headers.authorization ??= `Ticket ${ticket}`
}
