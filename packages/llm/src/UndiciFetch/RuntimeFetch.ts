/**
 * The runtime's own `fetch` with what `UndiciFetch` promises, for runtimes that put something else
 * in the place of undici (Bun): redirects are not followed, addresses are guarded, silence and
 * length are limited.
 */
import type { AddressGuard } from "../AddressGuard.ts"
import { ResponseTooLarge } from "./LeanResponse.ts"

export interface Options {
  readonly silenceMillis: number
  readonly maxResponseBytes: number
  readonly addressGuard?: AddressGuard | undefined
}

export const make = (options: Options) => {
  const { addressGuard, maxResponseBytes, silenceMillis } = options
  return async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(typeof input === "string" ? input : input instanceof URL ? input.href : input.url)
    addressGuard?.check(url)
    const lookup = addressGuard?.lookup(url)
    if (lookup !== undefined) {
      // The connection looks the name up anew: here a name could change in between.
      await new Promise<void>((resolve, reject) =>
        lookup(url.hostname, { all: true }, (error) => (error === null ? resolve() : reject(error)))
      )
    }
    const silence = new AbortController()
    const quiet = () => silence.abort(Object.assign(new Error("silent for too long"), { code: "ETIMEDOUT" }))
    const wait = () => {
      const timer = setTimeout(quiet, silenceMillis)
      // An answer that nobody reads to its end keeps no process alive.
      timer.unref()
      return timer
    }
    let timer = wait()
    const signal = init.signal == null ? silence.signal : AbortSignal.any([init.signal, silence.signal])
    try {
      const response = await fetch(url, { ...init, redirect: "manual", signal })
      if (response.body === null) {
        clearTimeout(timer)
        return response
      }
      let received = 0
      const limited = new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          clearTimeout(timer)
          received += chunk.length
          if (received > maxResponseBytes) return controller.error(new ResponseTooLarge(maxResponseBytes))
          timer = wait()
          controller.enqueue(chunk)
        },
        flush: () => clearTimeout(timer)
      })
      const { headers, status, statusText } = response
      return new Response(response.body.pipeThrough(limited), { headers, status, statusText })
    } catch (error) {
      clearTimeout(timer)
      throw error
    }
  }
}
