/** Optional packages: which one is missing, and the command that installs it. */
import { MissingPackage } from "./Failure.ts"

/**
 * For `import("…").catch(…)`: a package that is not installed becomes a `MissingPackage`; failures
 * within an installed package are not changed. `needed` names the feature that needs it. In this
 * form, bundlers omit packages that are not installed.
 */
export const packageOf =
  (name: string, needed: string) =>
  (error: unknown): never => {
    throw isAbsent(name, error) ? new MissingPackage(name, needed, error) : error
  }

/** Node's error names the package; a missing file within a package is a different error. */
const isAbsent = (name: string, error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  error.code === "ERR_MODULE_NOT_FOUND" &&
  error.message.includes(`package '${name}'`)
