/**
 * The last line of defence for texts that leave the process in events and errors: whoever holds a secret must not put it into a text in
 * the first place; what looks like one all the same is blanked here.
 */

const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bsk-[A-Za-z0-9_-]{8,}/g, "[redacted]"],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, "[redacted]"],
  [/\bgh[pousr]_[A-Za-z0-9]{20,}/g, "[redacted]"],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, "$1 [redacted]"],
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi, "$1:[redacted]@"],
  [/\b((?:api[_-]?key|token|secret|password)["']?\s*[=:]\s*["']?)[^\s"',;&]{6,}/gi, "$1[redacted]"]
]

export const redact = (text: string): string => {
  let clean = text
  for (const [pattern, replacement] of patterns) clean = clean.replace(pattern, replacement)
  return clean
}
