/** A client of the HTTP API. It starts executions and reads them; it never resumes anything. */
import { setTimeout as sleep } from "node:timers/promises"
import type { Event } from "./Follower.ts"

export interface View {
  readonly status: string
  readonly tasks: Readonly<
    Record<string, { readonly status: string; readonly attempts: number; readonly output?: unknown }>
  >
  readonly error?: unknown
  readonly usage: { readonly requests: number }
}

const json = async <A>(url: string, init?: RequestInit): Promise<A> => {
  // A kept connection would reach the next process at the same address.
  const response = await fetch(url, { ...init, headers: { ...init?.headers, connection: "close" } })
  const body = await response.text()
  if (!response.ok) throw new Error(`${init?.method ?? "GET"} ${url} answered ${response.status}: ${body}`)
  return JSON.parse(body) as A
}

/**
 * Starts an execution and returns its id. Repeats the request until it is answered, as a client
 * with an idempotency key does.
 */
export const post = async (url: string, crew: object, key: string): Promise<string> => {
  for (let tries = 1; ; tries++) {
    try {
      const { id } = await json<{ readonly id: string }>(`${url}/api/v1/executions`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify({ crew })
      })
      return id
    } catch (error) {
      // `fetch` throws a TypeError if there was no response.
      if (!(error instanceof TypeError) || tries > 2_000) throw error
      await sleep(30)
    }
  }
}

export const view = (url: string, id: string): Promise<View> => json(`${url}/api/v1/executions/${id}`)

/** All stored events, page by page. */
export const events = async (url: string, id: string): Promise<ReadonlyArray<Event>> => {
  const found: Array<Event> = []
  for (let after: number | undefined = 0; after !== undefined;) {
    const page: { readonly items: ReadonlyArray<Event>; readonly nextAfter?: number } = await json(
      `${url}/api/v1/executions/${id}/events?limit=40&after=${after}`
    )
    found.push(...page.items)
    after = page.nextAfter
  }
  return found
}

/** The ids of all executions. */
export const executions = async (url: string): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  for (let cursor: string | undefined = ""; cursor !== undefined;) {
    const page: { readonly items: ReadonlyArray<{ readonly id: string }>; readonly nextCursor?: string } = await json(
      `${url}/api/v1/executions?limit=100${cursor === "" ? "" : `&cursor=${cursor}`}`
    )
    found.push(...page.items.map(({ id }) => id))
    cursor = page.nextCursor
  }
  return found
}
