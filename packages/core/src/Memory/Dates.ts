/**
 * Dates in a text as terms of the index, so that "in May 2023" finds what was said on the seventh,
 * and what says "last Tuesday". A date relative to the day of speaking is resolved against it.
 * Names of months and days are English; dates in figures are read in ISO 8601.
 *
 * The terms of a day: `@2023`, `@05`, `@2023-05`, `@05-07`, `@2023-05-07`. No word is one of them:
 * words have no `@`.
 */

/** As much of a date as a text says. */
interface Day {
  readonly year?: number
  /** From 1. */
  readonly month?: number
  readonly day?: number
}

const months = "january|february|march|april|may|june|july|august|september|october|november|december"
const monthNames = months.split("|")
const weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
const numbers: { readonly [word: string]: number } = {
  a: 1,
  an: 1,
  one: 1,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  nine: 9,
  ten: 10,
  few: 3,
  couple: 2
}
const dayMillis = 86_400_000
const unitDays: { readonly [unit: string]: number } = { day: 1, week: 7, month: 30.44, year: 365.25 }

const padded = (figure: number): string => String(figure).padStart(2, "0")

const termsOfDay = ({ day, month, year }: Day): ReadonlyArray<string> => [
  ...(year === undefined ? [] : [`@${year}`]),
  ...(month === undefined ? [] : [`@${padded(month)}`]),
  ...(year === undefined || month === undefined ? [] : [`@${year}-${padded(month)}`]),
  ...(month === undefined || day === undefined ? [] : [`@${padded(month)}-${padded(day)}`]),
  ...(year === undefined || month === undefined || day === undefined
    ? []
    : [`@${year}-${padded(month)}-${padded(day)}`])
]

const utc = (millis: number): Required<Day> => {
  const date = new Date(millis)
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() }
}

/** Whether a term is a date. It counts for its own memory, not as context of its neighbours. */
export const isDate = (term: string): boolean => term.startsWith("@")

/** The terms of the day of a time, in milliseconds. */
export const ofTime = (millis: number): ReadonlyArray<string> =>
  Number.isFinite(millis) ? termsOfDay(utc(millis)) : []

const isDay = (day: number) => day >= 1 && day <= 31

/**
 * The terms of the dates that a text names, each once. `saidAt`: when it was said, in milliseconds.
 */
export const termsOf = (text: string, saidAt?: number): ReadonlySet<string> => {
  const terms = new Set<string>()
  const add = (day: Day) => {
    for (const term of termsOfDay(day)) terms.add(term)
  }
  for (const [, year, month, day] of text.matchAll(/\b((?:19|20)\d{2})-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?\b/g))
    add({ year: Number(year), month: Number(month), ...(day === undefined ? {} : { day: Number(day) }) })
  for (const [, year] of text.matchAll(/(?<![\d.,-])((?:19|20)\d{2})(?![\d,-]|\.\d)/g)) add({ year: Number(year) })
  if (hasMonth.test(text)) for (const day of named(text)) add(day)
  if (saidAt !== undefined && Number.isFinite(saidAt) && hasRelative.test(text))
    for (const day of relative(text, saidAt)) add(day)
  return terms
}

/** Most texts have neither: one pattern each instead of four and six. */
const hasMonth = /\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/i
const hasRelative = /\b(?:yesterday|today|tonight|tomorrow|ago|last|next|this|past|on)\b/i

const month = `(${months}|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)`
const dayFirst = new RegExp(`\\b(\\d{1,2})(?:st|nd|rd|th)?(?: of)? ${month}\\b\\.?(?:,? ((?:19|20)\\d{2})\\b)?`, "gi")
const monthFirst = new RegExp(`\\b${month}\\.? (\\d{1,2})(?:st|nd|rd|th)?\\b(?!:)(?:,? ((?:19|20)\\d{2})\\b)?`, "gi")
const monthYear = new RegExp(`\\b${month}\\.?,? ((?:19|20)\\d{2})\\b`, "gi")
/**
 * "May" and "March" are other words too: a month alone has a capital letter, or one of these before
 * it.
 */
const monthAlone = new RegExp(`\\b(in|since|until|during|by|last|next|this|early|late|mid) (${months})\\b`, "gi")

const monthOf = (name: string): number =>
  monthNames.findIndex((each) => each.startsWith(name.toLowerCase().slice(0, 3))) + 1

const named = function* (text: string): Generator<Day> {
  const dated = (day: string, name: string, year: string | undefined): Day => ({
    month: monthOf(name),
    ...(isDay(Number(day)) ? { day: Number(day) } : {}),
    ...(year === undefined ? {} : { year: Number(year) })
  })
  for (const [, day, name, year] of text.matchAll(dayFirst)) yield dated(day!, name!, year)
  for (const [, name, day, year] of text.matchAll(monthFirst)) yield dated(day!, name!, year)
  for (const [, name, year] of text.matchAll(monthYear)) yield { month: monthOf(name!), year: Number(year) }
  for (const [, , name] of text.matchAll(monthAlone)) yield { month: monthOf(name!) }
}

const ago =
  /\b(\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|few|couple)(?: of)? (day|week|month|year)s? ago\b/gi
const lastOrNext = /\b(last|next|this|past) (week|weekend|month|year)\b/gi
const weekday = new RegExp(`\\b(last|next|this|on|past) (${weekdays.join("|")})\\b`, "gi")

/** "Last week" is known to the month, "last Tuesday" to the day. */
const relative = function* (text: string, saidAt: number): Generator<Day> {
  const after = (days: number) => utc(saidAt + days * dayMillis)
  const roughly = (days: number, unit: string): Day => {
    const { day, month, year } = after(days)
    return unit === "year" ? { year } : unit === "day" ? { year, month, day } : { year, month }
  }
  if (/\b(?:yesterday|last night)\b/i.test(text)) yield after(-1)
  if (/\b(?:today|tonight|this (?:morning|afternoon|evening))\b/i.test(text)) yield after(0)
  if (/\btomorrow\b/i.test(text)) yield after(1)
  for (const [, count, unit] of text.matchAll(ago)) {
    const number = numbers[count!.toLowerCase()] ?? Number(count)
    yield roughly(-number * unitDays[unit!.toLowerCase()]!, unit!.toLowerCase())
  }
  for (const [, which, unit] of text.matchAll(lastOrNext)) {
    const name = unit!.toLowerCase() === "weekend" ? "week" : unit!.toLowerCase()
    const direction = { next: 1, this: 0 }[which!.toLowerCase()] ?? -1
    yield roughly(direction * unitDays[name]!, name)
  }
  for (const [, which, name] of text.matchAll(weekday)) {
    const ahead = (weekdays.indexOf(name!.toLowerCase()) - new Date(saidAt).getUTCDay() + 7) % 7
    yield after(["next", "this"].includes(which!.toLowerCase()) ? ahead || 7 : ahead - 7)
  }
}
