/**
 * Failures of the file system in words for people: what is wrong, by the code of the system
 * (`EROFS`). No path is in them: who may know it says it beside.
 */
import * as Predicate from "effect/Predicate"

const words: { readonly [code: string]: string } = {
  EACCES: "permission denied",
  EPERM: "the operation is not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "no space is left on the disk",
  EDQUOT: "the disk quota is exhausted",
  EFBIG: "the file is too large",
  ENOENT: "the file does not exist",
  ENOTDIR: "a parent of the path is a file, not a directory",
  EISDIR: "it is a directory, not a file",
  EEXIST: "a file or directory with this name already exists",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "the path has too many symbolic links",
  EMFILE: "the process has too many open files",
  ENFILE: "the system has too many open files",
  EBUSY: "the file is in use",
  EIO: "the disk reports an input/output error"
}

/** Codes that mean that a directory cannot be written to by this user. */
const unwritable: ReadonlySet<string | undefined> = new Set(["EACCES", "EPERM", "EROFS"])

/** Errors within errors that are looked at. */
const maxDepth = 8

/** The code of the system, at the bottom of an error of Node or of a `PlatformError`. */
const codeOf = (error: unknown): string | undefined => {
  let at = error
  for (let depth = 0; depth < maxDepth && Predicate.isObject(at); depth++) {
    if (Predicate.hasProperty(at, "code") && typeof at.code === "string") return at.code
    at = Predicate.hasProperty(at, "reason") ? at.reason : Predicate.hasProperty(at, "cause") ? at.cause : undefined
  }
  return undefined
}

/** Whether the file system has failed, and not something else. */
export const isFileFailure = (error: unknown): boolean => Object.hasOwn(words, codeOf(error) ?? "")

/** Whether what failed would work in a directory that this user may write to. */
export const isUnwritable = (error: unknown): boolean => unwritable.has(codeOf(error))

/** What is wrong, without a full stop. */
export const describe = (error: unknown): string => {
  const code = codeOf(error)
  if (code === undefined) return "the file system failed"
  return Object.hasOwn(words, code) ? words[code]! : `the file system failed (${code})`
}
