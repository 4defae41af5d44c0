/**
 * What is not worth remembering: texts without words, lines of status, errors of tools, and text
 * that was recalled before. Stored once, such lines are recalled again and again and push out what
 * is true.
 */
import * as Consolidation from "./Consolidation.ts"
import * as Terms from "./Terms.ts"

export type Reason = "no-words" | "status" | "error" | "recalled"

const status =
  /^(?:(?:ok(?:ay)?|done|success(?:ful(?:ly)?)?|completed?|finished|ready|working on it|in progress|pending|started|stopped|n\/?a|none|null|undefined|true|false|yes|no|thanks?(?: you)?|sure|got it|hello|hi)[.!…\s]*|(?:still )?(?:loading|processing|running|searching|fetching|thinking|waiting|starting|retrying|downloading|uploading|saving|connecting|analy[sz]ing)(?:[.!]?|(?:\s+[\w./:-]+){0,4}\s*(?:\.{2,}|…|\d{1,3}\s?%)[.!]?)|(?:the )?(?:task|step|job|tool|action|request|operation|process|query|command|call)(?: (?:has been|was|is))? (?:successfully )?(?:completed?|done|finished|succeeded|started|queued|running|cancell?ed|skipped)(?: successfully)?[.!]?|(?:step|task|attempt|page) \d+(?: ?(?:\/|of) ?\d+)?(?: (?:done|completed?|finished))?[.!]?|\d{1,3}(?:\.\d+)? ?%(?: (?:done|completed?))?[.!]?|(?:i(?:'ll| will)|let me) (?:now )?(?:look|check|search|try|get|start|begin|do|work|see)\b[^.!?]{0,60}[.!…]*)$/i

const error =
  /^(?:\[?(?:fatal|uncaught)[\]: ]|error\s*[:(]|traceback \(most recent call last\)|(?:http(?:\/\d(?:\.\d)?)?|status(?: code)?)[: ]+[45]\d\d\b|[45]\d\d (?:bad request|unauthorized|forbidden|not found|method not allowed|conflict|too many requests|internal server error|bad gateway|service unavailable|gateway timeout)|(?:fetch|request|connection|tool|tool call|command|call) (?:failed|refused|reset|timed out|error)\b|rate limit(?:ed| exceeded)|(?:the )?tool "?[\w.-]+"? (?:failed|returned an error|is not available)|permission denied|command not found|no such file or directory|timeout (?:exceeded|of \d+))/i
/** Names of errors as programs write them: "TypeError:" is one, "Terror:" is none. */
const errorName =
  /^(?:(?:[A-Z]\w*)?(?:Error|Exception)\b(?:\s*\[[\w-]+\])?\s*:|E(?:CONN\w+|NOENT|ACCES|PIPE|TIMEDOUT|ADDR\w+|HOSTUNREACH|NETUNREACH|PERM|EXIST|ISDIR|NOTDIR|MFILE|NOTFOUND|AI_AGAIN)\b)/

/** Characters of what is looked at: a line of status is short. */
const longestStatus = 160
/** Words of a sentence that counts as recalled; shorter ones are said by anybody. */
const fewestWords = 4

/** Why a text is not worth remembering, or `undefined`. */
export const reasonOf = (text: string): Exclude<Reason, "recalled"> | undefined => {
  const trimmed = text.trim()
  if (!/[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(trimmed)) return "no-words"
  const beginning = trimmed.slice(0, longestStatus)
  if (error.test(beginning) || errorName.test(beginning)) return "error"
  if (trimmed.length <= longestStatus && status.test(trimmed)) return "status"
  return undefined
}

const sentences = (text: string): ReadonlyArray<string> => text.match(/[^.!?\n]+(?:[.!?]+(?=\s|$)|[.!?]|\n|$)*/g) ?? []

/**
 * A text without the sentences that were recalled, as they were recalled: `undefined` when there is
 * nothing left that is new.
 */
export const withoutRecalled = (text: string, recalled: ReadonlyArray<string>): string | undefined => {
  if (recalled.length === 0) return text
  const known = new Set(recalled.flatMap((each) => [each, ...sentences(each)]).map(Consolidation.normalise))
  if (known.has(Consolidation.normalise(text))) return undefined
  const all = sentences(text)
  const fresh = all.filter((sentence) => {
    const plain = Consolidation.normalise(sentence)
    return !known.has(plain) || Terms.wordsOf(plain).length < fewestWords
  })
  if (fresh.length === all.length) return text
  const left = fresh.join("").trim()
  return Terms.wordsOf(left).length < fewestWords ? undefined : left
}
