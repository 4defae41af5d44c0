/**
 * Secrets in URLs. Traces of requests contain URLs, so before any other code sees a request, its
 * ticket becomes `Authorization: Ticket …`, which is not traced, and keys and tokens that do not
 * belong in a URL are redacted.
 */
import * as Redact from "@crewline/core/Redact"
import type { IncomingMessage } from "node:http"

/** How API keys and JSON Web Tokens begin. */
const misplaced = /crewline_|eyJ/

/**
 * Moves the ticket of a request from its address to its headers, unless it shows another credential
 * there.
 */
const moveTicket = (request: IncomingMessage): void => {
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

/** Removes secrets from the URL of a request. */
export const take = (request: IncomingMessage): void => {
  moveTicket(request)
  const { url = "" } = request
  if (misplaced.test(url)) request.url = Redact.redact(url)
}
