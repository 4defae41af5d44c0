/**
 * How our clients differ from the official SDKs: requests are prepared once (`PreparedRequests`),
 * and the transport enforces time limits, so that no timer is set per request. Both are methods
 * that SDKs allow subclasses to override; everything else is left to the SDK.
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

/** Options of every client. */
export const settingsOf = ({ addressGuard, apiKey, silenceMillis }: Connection) => ({
  apiKey,
  timeout: silenceMillis,
  // Crewline retries itself, with a budget, a record and interruption.
  maxRetries: 0,
  // The output of the SDK may quote prompts.
  logLevel: "off" as const,
  fetch: UndiciFetch.make({ silenceMillis, addressGuard })
})

/** Applies these changes to the client class of an SDK. */
export const lean = <Client extends Overridden>(client: Client, fetch: UndiciFetch.Fetch): Client => {
  EnvironmentHeaders.remove(client)
  const prepared = new PreparedRequests()
  const build = client.buildRequest.bind(client)
  client.buildRequest = async (options: RequestOptions, retry?: unknown) =>
    prepared.again(options) ?? prepared.keep(options.path, await build(options, retry))
  client.fetchWithTimeout = (url, init) => fetch(url, init)
  return client
}
