/** Values and bodies that readers of JSON may not expect. */
import type { Random } from "../packages/core/test/simulation/Random.ts"

const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`

export const text = (chance: Random): string =>
  chance.pick([
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "\ud800",
    "😀",
    "..",
    "../../etc/passwd",
    "a/b",
    "__proto__",
    "constructor",
    "x".repeat(300),
    "x".repeat(3_000),
    "é".repeat(9_000),
    "1e999",
    "-1",
    "99999999999999999999",
    "NaN",
    "null",
    "' or 1=1 --",
    "{topic}",
    "^(a+)+$",
    "*",
    ","
  ])

export const json = (chance: Random, depth = 0): unknown => {
  const kind = chance.below(depth > 4 ? 4 : 6)
  if (kind === 0 || kind === 1) return text(chance)
  if (kind === 2) return chance.pick([0, -1, 1e308, 0.1, 2 ** 53])
  if (kind === 3) return chance.pick([true, false, null])
  const size = chance.below(4)
  if (kind === 4) return Array.from({ length: size }, () => json(chance, depth + 1))
  return Object.fromEntries(Array.from({ length: size }, () => [text(chance), json(chance, depth + 1)]))
}

/** The whole body of a request or of an answer. */
export const body = (chance: Random): string => {
  const whole = JSON.stringify(json(chance))
  return chance.pick([
    whole,
    whole.slice(0, chance.below(whole.length + 1)),
    deep(chance.pick([10, 600, 5_000, 100_000])),
    `{"a":${deep(chance.pick([100, 600, 5_000]))}}`,
    `{"${"n".repeat(100_000)}":1}`,
    `{${Array.from({ length: 1_000 }, (_, index) => `"k${index % 7}":${index}`).join(",")}}`,
    "&a\nname: x\nagents: *a\ntasks: *a\n",
    "\u0000",
    "\ufeff{}",
    '{"a":"\\ud800"}',
    '{"__proto__":{"a":1}}',
    "null",
    "[]",
    ""
  ])
}
