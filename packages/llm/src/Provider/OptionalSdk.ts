/** SDKs of providers are optional: an application installs those of the providers that it uses. */

/** The SDK of a provider is needed, and not installed. */
export class MissingSdk extends Error {
  constructor(name: string, provider: string, cause: unknown) {
    super(`Models of ${provider} need the package ${name}, which is not installed: npm install ${name}`, { cause })
  }
}

/**
 * For `import("…").catch(…)`, a form that tells bundlers to leave a package out that is not
 * installed. What fails in one that is, stays as it is.
 */
export const named =
  (name: string, provider: string) =>
  (error: unknown): never => {
    throw isAbsent(name, error) ? new MissingSdk(name, provider, error) : error
  }

/** Node names the package; a file that is missing within it is another matter. */
const isAbsent = (name: string, error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  error.code === "ERR_MODULE_NOT_FOUND" &&
  error.message.includes(`package '${name}'`)
