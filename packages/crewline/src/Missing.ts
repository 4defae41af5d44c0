/**
 * Packages that are installed by choice: which one is missing, and the command that installs it.
 */
import { MissingPackage } from "./Failure.ts"

/**
 * For `import("…").catch(…)`: a package that is not installed is a `MissingPackage`; what fails in
 * one that is, stays as it is. `needed` is what needs it. Written so, bundlers leave a package out
 * that is not installed.
 */
export const packageOf =
  (name: string, needed: string) =>
  (error: unknown): never => {
    throw isAbsent(name, error) ? new MissingPackage(name, needed, error) : error
  }

/** Node names the package; a file that is missing within it is another matter. */
const isAbsent = (name: string, error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  error.code === "ERR_MODULE_NOT_FOUND" &&
  error.message.includes(`package '${name}'`)
