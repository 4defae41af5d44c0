/**
 * Names that somebody may have meant, and lists of names of bearable length.
 */

const suggestions = 3
const listed = 30

/** The names most like this one; none when all are far from it. */
export const find = (name: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const wanted = name.toLowerCase()
  return names
    .map((each) => ({ each, distance: distance(wanted, each.toLowerCase().replace(/\/$/, "")) }))
    .filter(({ each, distance }) => distance <= Math.max(2, Math.min(wanted.length, each.length) * 0.4))
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, suggestions)
    .map(({ each }) => each)
}

export const list = (names: ReadonlyArray<string>): string =>
  names.length > listed
    ? `${names.slice(0, listed).join(", ")} and ${names.length - listed} more`
    : `${names.join(", ")}`

/** How many letters have to be put in, left out or exchanged (Levenshtein). */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same))
    }
    row = next
  }
  return row[b.length] ?? 0
}
