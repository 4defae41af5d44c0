/**
 * The last line of defence for texts that leave the process in events and errors: code with access
 * to a secret must not put it into a text in the first place; anything that still looks like one is
 * redacted here.
 */

// Texts may be long and come from anywhere: what may repeat is bounded or begins only once, so that
// the time is linear.
const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bsk-(?=[A-Za-z_-]{0,64}\d)[A-Za-z0-9_-]{8,}/g, "[redacted]"],
  // Keys of Crewline's own server: what finds them may be shown.
  [/\b(crewline_[0-9a-f]{12})_[\w-]{43}/g, "$1_[redacted]"],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, "[redacted]"],
  [/\b(?:gh[pousr]|github_pat)_[A-Za-z0-9_]{20,}/g, "[redacted]"],
  [/\bAIza[A-Za-z0-9_-]{30,}/g, "[redacted]"],
  [/\bxox[a-z]-[A-Za-z0-9-]{8,}/g, "[redacted]"],
  [/(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*/g, "[redacted]"],
  [/\b(Bearer|Basic)\s+(?=[A-Za-z._~+/-]{0,64}[\d=])[A-Za-z0-9._~+/=-]{8,}/gi, "$1 [redacted]"],
  [/\b([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@]{0,256}):[^\s/]{1,1024}@/gi, "$1:[redacted]@"],
  [/((?:api[ _-]?key|token|secret|password)["']?\s*[=:]\s*["']?)[^\s"',;&]{6,}/gi, "$1[redacted]"]
]

/** Every text that a pattern matches contains one of these marks. */
const marks =
  /sk-|crewline_|AKIA|ASIA|AIza|gh[pousr]_|github_pat_|xox|eyJ|bearer|basic|:\/\/|api[ _-]?key|token|secret|password/i

/**
 * Whether `redact` could change a text; false positives are possible, false negatives are not. If
 * it is true for a text, it is also true for every text that contains this text, even as a JSON
 * string.
 */
export const isSuspect = (text: string): boolean => marks.test(text)

export const redact = (text: string): string => {
  if (!isSuspect(text)) return text
  let clean = text
  for (const [pattern, replacement] of patterns) clean = clean.replace(pattern, replacement)
  return clean
}
