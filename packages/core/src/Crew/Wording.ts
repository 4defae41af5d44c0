/**
 * How problems speak of a place in a crew and of a value.
 */

/**
 * `["tasks", "write", "context", 0]` as `tasks.write.context[0]`; a very long way is cut in its
 * middle.
 */
export const place = (path: ReadonlyArray<string | number>): string => {
  if (path.length === 0) return "The crew"
  return path.length > 12 ? steps(path.slice(-3), `${steps(path.slice(0, 8))}…`) : steps(path)
}

const steps = (path: ReadonlyArray<string | number>, start = ""): string =>
  path.reduce<string>(
    (text, step) => text + (typeof step === "number" ? `[${step}]` : `${text === "" ? "" : "."}${cut(step)}`),
    start
  )

const maxName = 80

const cut = (name: string): string => (name.length > maxName ? `${name.slice(0, maxName - 1)}…` : name)

/** A name in quotes, cut when long. */
export const quote = (name: string): string => JSON.stringify(cut(name))

/** A value as JSON, cut when long; lists and objects by their kind. */
export const show = (value: unknown): string => {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list"
  if (typeof value === "object" && value !== null) return "an object"
  const text = value === undefined ? "absent" : JSON.stringify(typeof value === "string" ? value.slice(0, 61) : value)
  const kind = typeof value === "number" ? "the number " : ""
  return kind + (text.length > 60 ? `${text.slice(0, 57)}...` : text)
}

/** A list of names, truncated if long. */
export const list = (names: ReadonlyArray<string>): string =>
  names.length <= 12
    ? names.map(quote).join(", ")
    : `${names.slice(0, 10).map(quote).join(", ")} and ${names.length - 10} more`

/** Names that lead from one to the next, cut in the middle when many. */
export const chain = (names: ReadonlyArray<string>): string =>
  (names.length <= 12 ? names : [...names.slice(0, 8), "…", ...names.slice(-3)]).map(cut).join(" -> ")

/**
 * What may be in the place of a name that is not known, to be read after a colon: the one that was
 * probably meant, else all.
 */
export const alternatives = (
  kind: "agent" | "input" | "task" | "tool",
  known: ReadonlyArray<string>,
  suggestion: string | undefined
): string =>
  suggestion !== undefined
    ? `did you mean ${quote(suggestion)}?`
    : known.length === 0
      ? `there are no ${kind}s.`
      : `the ${kind}s are ${list(known)}.`
