/**
 * The official client of Ollama, one for each call: its fetch knows the call's signal, which the
 * SDK has no way to pass.
 */
import type { Ollama } from "ollama/browser"
import * as UndiciFetch from "../UndiciFetch.ts"
import * as Failure from "./Failure.ts"
import type { Call, Connection } from "../Provider/SdkProvider.ts"
import type { Sdk } from "./Sdk.ts"

export interface Options extends Connection {
  readonly host: string
}

export interface Exchange {
  readonly client: Ollama
  /** The response, once the client has got one. */
  readonly received: () => Response
}

/**
 * What the SDK makes of a whole answer, which is read from the response instead: it would lose what
 * cannot be parsed.
 */
const unread = { ok: true, json: async () => undefined }

export const make = (
  sdk: Sdk,
  options: Options
): (<Request>(call: Call<Request>, isReadElsewhere?: boolean) => Exchange) => {
  const fetch = UndiciFetch.make({ silenceMillis: options.silenceMillis, addressGuard: options.addressGuard })
  const authorization = options.apiKey === "" ? {} : { Authorization: `Bearer ${options.apiKey}` }
  return (call, isReadElsewhere = false) => {
    let response: Response | undefined
    const client = new sdk.Ollama({
      host: options.host,
      fetch: async (input, init) => {
        // To ollama.com the SDK adds the key of the environment, whoever stored the provider. Its
        // headers are a record.
        const { Authorization: _, ...headers } = { ...(init?.headers as Record<string, string> | undefined) }
        response = await fetch(input, { ...init, headers: { ...headers, ...authorization }, signal: call.signal })
        call.requestId = response.headers.get("x-request-id") ?? undefined
        // The SDK would print what it makes of it.
        if (!response.ok) throw new Failure.Refusal(response.status, await response.text(), response.headers)
        // The SDK asks a response that is not streamed for nothing but these two.
        return isReadElsewhere ? (unread as Partial<Response> as Response) : response
      }
    })
    const received = (): Response => {
      if (response === undefined) throw new TypeError("The Ollama SDK sent no request.")
      return response
    }
    return { client, received }
  }
}
