/** A cheap HTTP client: persistent connections, and raw bodies. Anything but a 2xx is an error. */
import { Agent, request } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"

export interface Client {
  readonly url: string
  readonly get: (path: string) => Promise<Buffer>
  readonly post: (path: string, body: unknown) => Promise<Buffer>
  readonly close: () => void
}

/** An HTTP client with as many concurrent connections as needed, and an optional API key. */
export const make = (url: string, key?: string): Client => {
  const agent = new Agent({ keepAlive: true })
  const authorized = key === undefined ? {} : { authorization: `Bearer ${key}` }
  const call = (method: string, path: string, body: string | undefined) =>
    new Promise<Buffer>((resolve, reject) => {
      const sent = request(
        new URL(path, url),
        {
          agent,
          method,
          headers: { ...authorized, ...(body !== undefined && { "content-type": "application/json" }) }
        },
        (response) => {
          const pieces: Array<Buffer> = []
          response.on("data", (piece: Buffer) => pieces.push(piece))
          response.on("error", reject)
          response.on("end", () => {
            const whole = Buffer.concat(pieces)
            const { statusCode = 0 } = response
            if (statusCode >= 200 && statusCode < 300) resolve(whole)
            else reject(new Error(`${method} ${path} answered ${statusCode}: ${whole.toString().slice(0, 500)}`))
          })
        }
      )
      sent.on("error", reject)
      sent.end(body)
    })
  return {
    url,
    get: (path) => call("GET", path, undefined),
    post: (path, body) => call("POST", path, JSON.stringify(body)),
    close: () => agent.destroy()
  }
}

/**
 * Runs calls at a fixed concurrency until the time is up; returns the number of calls and the time
 * they took.
 */
export const forSeconds = async (
  seconds: number,
  atOnce: number,
  call: () => Promise<unknown>
): Promise<{ readonly calls: number; readonly seconds: number }> => {
  const from = performance.now()
  let calls = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      do {
        await call()
        calls++
      } while (performance.now() - from < seconds * 1_000)
    })
  )
  return { calls, seconds: (performance.now() - from) / 1_000 }
}

/** The value at this key of a JSON body. */
export const field = (body: Buffer, name: string): string =>
  String((JSON.parse(body.toString()) as { readonly [name: string]: unknown })[name])

/** Waits until every execution of the server has ended. */
export const untilQuiet = async ({ get }: Client): Promise<void> => {
  for (;;) {
    const page = await get("/api/v1/executions?status=pending,running&limit=1")
    if ((JSON.parse(page.toString()) as { readonly items: ReadonlyArray<unknown> }).items.length === 0) return
    await sleep(50)
  }
}
