/**
 * Whether JSON values are equal as JSON Schema means it: keys in any order, numbers by their value.
 */
import * as Predicate from "effect/Predicate"

/** What comparing may still cost. */
export interface Work {
  left: number
  /** Called when nothing is left; throws. */
  readonly spent: () => never
}

export const spend = (work: Work, amount: number): void => {
  work.left -= amount
  if (work.left < 0) work.spent()
}

/** Whether a JSON value is of a type of JSON Schema. */
export const isOf = (type: unknown, value: unknown): boolean => {
  switch (type) {
    case "null":
      return value === null
    case "array":
      return Array.isArray(value)
    case "object":
      return Predicate.isObject(value)
    case "integer":
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}

/** Reading a thousand characters takes as long as a step of anything else. */
export const spendText = (work: Work, text: string): void => spend(work, text.length >> 10)

export const isEqual = (a: unknown, b: unknown, work: Work): boolean => {
  spend(work, 1)
  if (typeof a === "string" && typeof b === "string" && a.length === b.length) spendText(work, a)
  if (a === b) return true
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item: unknown, index) => isEqual(item, b[index], work))
  if (!Predicate.isObject(a) || !Predicate.isObject(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key], work))
  )
}

/** The first two items that are equal. */
export const repeated = (items: ReadonlyArray<unknown>, work: Work): readonly [number, number] | undefined => {
  const known = new Map<string, number>()
  for (const [index, item] of items.entries()) {
    const key = canonical(item, work)
    const first = known.get(key)
    if (first !== undefined) return [first, index]
    known.set(key, index)
  }
  return undefined
}

/** The same text for equal values. */
const canonical = (value: unknown, work: Work): string => {
  spend(work, 1)
  const text = canonicalOf(value, work)
  // It becomes a part of the text around it.
  spendText(work, text)
  return text
}

const canonicalOf = (value: unknown, work: Work): string => {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, work)).join()}]`
  if (!Predicate.isObject(value)) return JSON.stringify(value)
  const properties = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key], work)}`)
  return `{${properties.join()}}`
}

/** Exact for decimals: 0.3 is a multiple of 0.1. */
export const isMultiple = (value: number, divisor: number): boolean => {
  if (!Number.isFinite(value) || !Number.isFinite(divisor) || divisor <= 0) return false
  const [digits, exponent] = decimal(value)
  const [divisorDigits, divisorExponent] = decimal(divisor)
  const shift = exponent - divisorExponent
  return shift >= 0
    ? (digits * 10n ** BigInt(shift)) % divisorDigits === 0n
    : digits % (divisorDigits * 10n ** BigInt(-shift)) === 0n
}

/** A number as whole digits times a power of ten. */
const decimal = (value: number): readonly [digits: bigint, exponent: number] => {
  const [coefficient = "", exponent = "0"] = Math.abs(value).toString().split("e")
  const [whole = "", fraction = ""] = coefficient.split(".")
  return [BigInt(whole + fraction), Number(exponent) - fraction.length]
}
