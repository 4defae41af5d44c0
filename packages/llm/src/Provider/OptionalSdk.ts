/**
 * SDKs of providers are optional: an application installs those of the providers that it uses, and
 * the word vectors if it uses them.
 */

/** A package is needed, and not installed. */
export class MissingSdk extends Error {
  /** `needed`: the beginning of the message, up to its verb. */
  constructor(name: string, needed: string, cause: unknown) {
    super(`${needed} the package ${name}, which is not installed: npm install ${name}`, { cause })
  }
}

/**
 * For `import("…").catch(…)`, a form that tells bundlers to leave a package out that is not
 * installed. What fails in one that is, stays as it is.
 */
export const neededBy =
  (name: string, needed: string) =>
  (error: unknown): never => {
    throw isAbsent(name, error) ? new MissingSdk(name, needed, error) : error
  }

/** The same, for the SDK of a provider. */
export const named = (name: string, provider: string) => neededBy(name, `Models of ${provider} need`)

/** Node names the package; a file that is missing within it is another matter. */
const isAbsent = (name: string, error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  error.code === "ERR_MODULE_NOT_FOUND" &&
  error.message.includes(`package '${name}'`)
