/**
 * SDKs add the headers of an environment variable (`OPENAI_CUSTOM_HEADERS`,
 * `ANTHROPIC_CUSTOM_HEADERS`) to the requests of every client, whatever host it calls. They often
 * hold keys of a gateway, and the host of a stored provider is one that a user chose: clients of
 * ours send only what their options say.
 */

/**
 * Removes them from a client that was made without headers of its own. Throws when the SDK keeps
 * them elsewhere.
 */
export const remove = (client: object): void => {
  const { _options: options } = client as { readonly _options?: { defaultHeaders?: unknown } }
  if (options === undefined) {
    throw new TypeError("This version of the SDK is not supported: Crewline cannot find its default headers.")
  }
  options.defaultHeaders = undefined
}
