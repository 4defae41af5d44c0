/**
 * What clients of official SDKs do otherwise than the SDKs: requests are prepared once
 * (`PreparedRequests`), and time limits are the transport's, so that no timer is set per request.
 * Both are methods that SDKs let subclasses override; everything else of a request and its failures
 * is the SDK's.
 */
import * as EnvironmentHeaders from "./EnvironmentHeaders.ts"
import { type Built, PreparedRequests, type RequestOptions } from "./PreparedRequests.ts"
import type { Connection } from "./SdkProvider.ts"
import * as UndiciFetch from "../UndiciFetch.ts"

/** The methods of an SDK that are overridden; its parameters are wider than ours. */
interface Overridden {
  // oxlint-disable-next-line typescript/no-explicit-any
  buildRequest(options: any, retry?: any): Promise<Built>
  fetchWithTimeout(
    url: string | URL | Request,
    init: RequestInit | undefined,
    ...rest: ReadonlyArray<never>
  ): Promise<Response>
}

/** What every client is made with. */
export const settingsOf = ({ addressGuard, apiKey, silenceMillis }: Connection) => ({
  apiKey,
  timeout: silenceMillis,
  // Crewline retries itself, with a budget, a record and interruption.
  maxRetries: 0,
  // The output of the SDK may quote prompts.
  logLevel: "off" as const,
  fetch: UndiciFetch.make({ silenceMillis, addressGuard })
})

/** Makes a client of an SDK lean. */
export const lean = <Client extends Overridden>(client: Client, fetch: UndiciFetch.Fetch): Client => {
  EnvironmentHeaders.remove(client)
  const prepared = new PreparedRequests()
  const build = client.buildRequest.bind(client)
  client.buildRequest = async (options: RequestOptions, retry?: unknown) =>
    prepared.again(options) ?? prepared.keep(options.path, await build(options, retry))
  client.fetchWithTimeout = (url, init) => fetch(url, init)
  return client
}
