/**
 * The formats of strings that JSON Schema names (draft 2020-12). Each is told in time linear in the
 * text. Formats that are not here are annotations: everything has them.
 */
import * as Pattern from "../Pattern.ts"

type Format = (text: string) => boolean

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const date: Format = (text) => {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []
  if (year === undefined) return false
  const isLeap = Number(year) % 4 === 0 && (Number(year) % 100 !== 0 || Number(year) % 400 === 0)
  const days = month === "02" && isLeap ? 29 : (monthDays[Number(month) - 1] ?? 0)
  return Number(day) >= 1 && Number(day) <= days
}

const time: Format = (text) => {
  const parts = /^(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:z|([+-])(\d\d):(\d\d))$/i.exec(text)
  if (parts === null) return false
  const [hour, minute, second] = parts.slice(1, 4).map(Number) as [number, number, number]
  const offset = Number(parts[5] ?? 0) * 60 + Number(parts[6] ?? 0)
  if (hour > 23 || minute > 59 || second > 60 || Number(parts[5] ?? 0) > 23 || Number(parts[6] ?? 0) > 59) return false
  if (second < 60) return true
  // A leap second is the last one of a day in UTC.
  const inUtc = hour * 60 + minute - (parts[4] === "-" ? -offset : offset)
  return (inUtc + 2 * 24 * 60) % (24 * 60) === 23 * 60 + 59
}

const dateTime: Format = (text) => date(text.slice(0, 10)) && /^[Tt ]$/.test(text.charAt(10)) && time(text.slice(11))

const duration: Format = (text) =>
  /^P(?!$)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)$/.test(text) &&
  // Years and days without the months between them, and hours and seconds without the minutes, are
  // no duration.
  !/(?<!\d)(?:\d+Y\d+D|\d+H\d+S)/.test(text)

const maxHost = 253

const hostname: Format = (text) =>
  text.length <= maxHost && text.split(".").every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label))

const ipv4: Format = (text) => /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text)

const ipv6: Format = (text) =>
  /^[0-9a-f:.]{2,45}$/i.test(text) &&
  URL.canParse(`http://[${text}]`) &&
  (!text.includes(".") || ipv4(text.slice(text.lastIndexOf(":") + 1)))

const email: Format = (text) => {
  const at = text.lastIndexOf("@")
  const local = text.slice(0, at)
  const host = text.slice(at + 1)
  if (at < 1 || local.length > 64 || host.length > maxHost + 7) return false
  const isQuoted = /^"(?:[ !#-[\]-~]|\\[ -~])*"$/.test(local)
  if (!isQuoted && !local.split(".").every((part) => /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+$/i.test(part))) return false
  if (!host.startsWith("[") || !host.endsWith("]")) return hostname(host)
  const address = host.slice(1, -1)
  return /^ipv6:/i.test(address) ? ipv6(address.slice(5)) : ipv4(address)
}

/** The characters of RFC 3986, with whole escapes. */
const hasUriCharacters: Format = (text) =>
  /^[a-z0-9._~:/?#[\]@!$&'()*+,;=%-]*$/i.test(text) && !/%(?![0-9a-f]{2})/i.test(text) && text.split("#").length <= 2

const uri: Format = (text) => /^[a-z][a-z0-9+.-]*:/i.test(text) && hasUriCharacters(text) && URL.canParse(text)

const uriReference: Format = (text) => hasUriCharacters(text) && URL.canParse(text, "https://example.com/")

const uriTemplate: Format = (text) =>
  text
    // Literal, expression, literal, … literal.
    .split(/\{([^{}]*)\}/)
    .every((part, index) =>
      index % 2 === 0 ? !/[\0- "<>\\^`{|}\x7f]|%(?![0-9a-f]{2})/i.test(part) : isExpression(part)
    )

const isExpression: Format = (text) =>
  text
    .replace(/^[+#./;?&=,!@|]/, "")
    .split(",")
    .every((variable) =>
      /^(?:[a-z0-9_]|%[0-9a-f]{2})(?:[a-z0-9_.]|%[0-9a-f]{2})*(?::[1-9]\d{0,3}|\*)?$/i.test(variable)
    )

const jsonPointer: Format = (text) => /^(?:$|\/)/.test(text) && !/~(?![01])/.test(text)

const formats: { readonly [name: string]: Format } = {
  date,
  time,
  "date-time": dateTime,
  duration,
  hostname,
  ipv4,
  ipv6,
  email,
  uri,
  "uri-reference": uriReference,
  "uri-template": uriTemplate,
  url: (text) => /^(?:https?|ftp):\/\/[^\s]+$/i.test(text) && URL.canParse(text),
  uuid: (text) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
  regex: (text) => Pattern.syntaxProblem(text) === undefined,
  "json-pointer": jsonPointer,
  "json-pointer-uri-fragment": (text) =>
    text.startsWith("#") && hasUriCharacters(text) && jsonPointer(decode(text.slice(1))),
  "relative-json-pointer": (text) => {
    const [, , rest] = /^(0|[1-9]\d*)([^]*)$/.exec(text) ?? []
    return rest !== undefined && (rest === "#" || jsonPointer(rest))
  }
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    // Half of a character: no pointer.
    return "~"
  }
}

/** Those that read no more of a text than a host name has. */
const bounded: ReadonlySet<string> = new Set(["date", "hostname", "ipv4", "ipv6", "email", "uuid"])

/**
 * What telling a format costs, in steps of a validation: they are as long as reading thirty
 * characters.
 */
export const cost = (format: string, text: string): number =>
  bounded.has(format) || !Object.hasOwn(formats, format) ? 0 : text.length >> 5

/** True when the text is written as the format says. */
export const has = (format: string, text: string): boolean => !Object.hasOwn(formats, format) || formats[format]!(text)
