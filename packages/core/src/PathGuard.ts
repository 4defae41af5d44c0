/**
 * The paths of a workspace: relative ones that name a file inside it on every operating system.
 * Crews, file tools, uploads and every kind of storage check paths here; a directory also follows
 * the path step by step. Fails closed.
 */
import * as Result from "effect/Result"

/** The longest name and the longest path, in bytes of UTF-8, that common file systems accept. */
const maxName = 255
const maxPath = 4_096

/**
 * The names along a path, in Unicode's composed form; empty: the workspace itself. Fails with the
 * problem, as the end of a sentence that begins with the path.
 */
export const parse = (path: string): Result.Result<ReadonlyArray<string>, string> => {
  const reason = refusalOf(path)
  if (reason !== undefined) return Result.fail(reason)
  const names = namesIn(path)
  for (const name of names) {
    const problem = problemOf(name)
    if (problem !== undefined) return Result.fail(problem)
  }
  return Result.succeed(names.map((name) => name.normalize("NFC")))
}

/** As `parse`, but the path must name a file: not the workspace, and no slash at its end. */
export const parseFile = (path: string): Result.Result<ReadonlyArray<string>, string> =>
  Result.flatMap(parse(path), (names) =>
    names.length === 0 || /(?:^|[/\\])\.?$/.test(path)
      ? Result.fail("names a directory: name a file")
      : Result.succeed(names)
  )

/**
 * The one spelling of a path inside the workspace, `a/b` for `./a//b` and `a\b`, without further
 * checks; `undefined`: it leads outside, or is the workspace itself.
 */
export const spelling = (path: string): string | undefined => {
  const names = namesIn(path)
  if (names.length === 0 || isAbsolute(path) || names.includes("..")) return undefined
  return names.map((name) => name.normalize("NFC")).join("/")
}

const namesIn = (path: string): ReadonlyArray<string> =>
  path.split(/[/\\]/).filter((name) => name !== "" && name !== ".")

/** Drives of Windows, also relative ones (`C:secret.txt`); URLs; shares (`\\server`). */
const isAbsolute = (path: string): boolean => /^(?:[/\\]|[A-Za-z]:|[A-Za-z][\w+.-]+:[/\\]{2})/.test(path)

const bytesOf = (text: string): number => new TextEncoder().encode(text).length

/** Whether a name is allowed in a path; other names are omitted from lists. */
export const isName = (name: string): boolean => problemOf(name) === undefined

const outside = "is outside the workspace: use a path relative to the workspace"

const refusalOf = (path: string): string | undefined => {
  if (path.includes("\0")) return "contains a zero byte"
  if (!path.isWellFormed()) return "is not valid Unicode"
  if (bytesOf(path) > maxPath) return `is longer than ${maxPath} bytes`
  if (isAbsolute(path)) return outside
  return undefined
}

const problemOf = (name: string): string | undefined => {
  if (name === "..") return outside
  // Characters that a later decoder, font or normalisation may turn into a separator or `..`.
  if (/%(?:2e|2f|5c|00)/i.test(name)) return "contains an encoded separator"
  const compatible = name.normalize("NFKC")
  if (compatible !== name && (/[/\\\0]/.test(compatible) || /^\.+$/.test(compatible))) {
    return "contains a character that looks like a separator"
  }
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\u0000-\u001f\u007f\u0080-\u009f]/.test(name)) return "contains a control character"
  if (/[\u202a-\u202e\u2066-\u2069\u200e\u200f]/.test(name)) return "contains a character that reverses the text"
  if (bytesOf(name) > maxName) return `has a name longer than ${maxName} bytes`
  // Windows ignores them: `secret.txt.` would be `secret.txt`.
  if (/[. ]$/.test(name)) return "has a name that ends in a dot or a space"
  if (/::?\$/.test(name)) return "names an alternate stream of a file"
  if (/^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\.|$)/i.test(name)) {
    return "has a name that is reserved for a device on Windows"
  }
  if (isProtected(name)) return "is protected: it may contain keys or data of the application"
  return undefined
}

/** Data of this application, and files that contain keys; sample files contain no keys. */
const isProtected = (name: string): boolean =>
  /^\.(?:aws|git|gnupg|netrc|npmrc|pgpass|ssh)$/i.test(name) ||
  /^\.crewline/i.test(name) ||
  /^\.env(?:\.(?!example$|sample$|template$|dist$).*)?$/i.test(name)
