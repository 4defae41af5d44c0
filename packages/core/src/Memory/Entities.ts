/**
 * Entities in a text, found by rule: names, dates, numbers with a unit, what a name is said to be,
 * and its aliases. No model is asked. Rules are of English; names of other languages are found by
 * their capital letters.
 */
import type { Entity, Mention, Relation } from "../MemoryEntry.ts"
import * as Terms from "./Terms.ts"

/** Mentions of one text, its first. */
export const maxMentions = 64
/** Characters that are looked at. */
const maxCharacters = 20_000

/** "macOS" is one, too. */
const word = "(?:\\p{Ll}{1,3}(?=\\p{Lu}))?\\p{Lu}[\\p{L}\\p{M}\\p{N}'’&-]*"
const link = "(?: (?:of|de|del|della|van|von|der|den|da|di|du|la|le|and the|of the|for|&)(?= \\p{Lu}))"
const nameSource = `${word}(?:${link}? (?:(?:al-|el-)?${word}|\\d+(?:\\.\\d+)*\\b(?!-\\d| (?:percent|%|times|people|million))))*`
const name = new RegExp(`(?<![\\p{L}\\p{N}@./°])${nameSource}`, "gu")

const calendar =
  /^(?:january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday|wednesday|thursday|friday|saturday|sunday)s?\b/i
/** Languages and peoples are not entities on their own. */
const language =
  /^(?:english|french|german|spanish|italian|portuguese|dutch|russian|polish|chinese|mandarin|japanese|korean|arabic|hindi|turkish|swedish|greek|american|british|european|african|asian|australian|austrian|belgian|brazilian|canadian|czech|danish|egyptian|finnish|hungarian|indian|indonesian|iranian|irish|israeli|mexican|nigerian|norwegian|scottish|swiss|thai|ukrainian|vietnamese|welsh|latin|arctic|antarctic)s?$/i
/** Who holds it, is of an organization. */
const role = /^(?:CEO|CTO|CFO|COO|VP|Head|Director|Founder|Chair) of /
/** Titles of people: not a part of the following name, and not a name on their own. */
const office =
  /^(?:\p{Lu}\p{L}+ ){0,3}(?:Minister|Manager|Officer|Chancellor|Mayor|Governor|Senator|Secretary|Ambassador|Engineer|Analyst|Inspector|Detective|Sergeant)(?: (?=\p{Lu})|$)/u
/** Things that are numbered: "Version 2.4", "Step 3". */
const numbered =
  /^(?:Invoice|Order|Version|Release|Section|Chapter|Page|Step|Figure|Table|Line|Issue|Ticket|Room|Phase) \d/
/** Common nouns in capitals; protocols and formats have names. */
const abbreviations: ReadonlySet<string> = new Set(
  (
    "AI API APIs CEO CFO COO CPU CPUs CTO FAQ GPU GPUs HR ID IDs IT KPI LLM LLMs ML OK PC PDF PDFs PIN PR RAM ROI SMS SSD TV " +
    "UI URL URLs UX VAT"
  ).split(" ")
)
/** Unit symbols, and other words that follow a number like a name. */
const symbol =
  "[KMGTP]i?B|kB|[kMG]bit|[kMG]?W|kWh|k?V|mA|[kMG]?Hz|dB|°C|°F|[kcmµn]?m|[km]?g|ml|[mµn]?s|USD|EUR|GBP|KG|KM"
const unitAlone = new RegExp(`^(?:${symbol})$`, "u")
/** Begin sentences, and are no names alone. */
const openers: ReadonlySet<string> = new Set(
  (
    "also although another anyone anything because besides both but certainly consider currently despite each earlier either " +
    "even every everyone everything finally first furthermore generally hello hey hi however indeed instead last later least " +
    "let like many maybe meanwhile moreover most much nevertheless new next nobody none nothing now often oh ok okay once one " +
    "only other otherwise our overall perhaps please recently second several since so some someone something sometimes soon " +
    "still such sure thanks that then therefore third three thus today together tomorrow tonight two unfortunately unless until " +
    "usually we well whatever whenever whether while wow yeah yes yesterday yet you use make please note see check always never " +
    "customers users people children students engineers prices sales orders results ask tell send remember call write visit meet " +
    "contact remind greet give show find keep avoid buy read start stop does do has have did"
  ).split(" ")
)
const organization =
  /\b(?:Inc|Ltd|LLC|GmbH|AG|Corp|Corporation|Company|University|Institute|Foundation|Bank|Organization|Organisation|Agency|Association|Ministry|Department|Group|Labs?|College|Council|Committee|Union|Museum|Hospital|School)\b\.?/
const place =
  /\b(?:Street|Avenue|Road|Square|River|Lake|Mount|Mountain|Mountains|Island|Islands|Ocean|Sea|Bay|Valley|County|Park|Beach|Airport|Station|Bridge|City|Desert|Forest|Coast)\b/
const title = /\b(?:Mr|Mrs|Ms|Dr|Prof|Professor|President|Sir|Lady|Captain|Judge|Queen|King)\.? $/
const before = /\b(?:in|at|from|to|near|visit(?:ed|ing)?|into|across|through) $/
const speaking =
  /^(?:'s|’s)? (?:said|says|told|asked|thinks?|thought|wants?|wanted|likes?|liked|loves?|loved|lives?|lived|works?|worked|moved|wrote|went|bought|met|married|was born|prefers?|joined|founded|paints?|painted|plays?|played|teaches|taught|leads|led)\b/

/** The mentions of a text, in its order, each name once. */
export const inText = (text: string): ReadonlyArray<Mention> => {
  const looked = text.slice(0, maxCharacters)
  const found = new Map<string, Mention>()
  const add = (mention: Mention) => {
    const key = keyOf(mention.name)
    if (key === "" || found.size >= maxMentions) return
    const known = found.get(key)
    found.set(key, known === undefined ? mention : joined(known, mention))
  }
  const inner = new Set<string>()
  for (const match of looked.matchAll(name)) if (!isFirst(looked, match.index)) inner.add(match[0])
  for (const match of looked.matchAll(name)) {
    const mention = named(looked, match[0], match.index, inner)
    if (mention !== undefined) add(mention)
  }
  for (const mention of quantities(looked)) add(mention)
  for (const mention of definitions(looked)) add(mention)
  for (const mention of abbreviated(looked)) {
    for (const each of mention.aliases ?? []) found.delete(keyOf(each))
    add(mention)
  }
  for (const [alias, owner] of aliasesIn(looked)) {
    const known = found.get(keyOf(owner))
    if (known === undefined || keyOf(alias) === keyOf(owner)) continue
    found.delete(keyOf(alias))
    found.set(keyOf(owner), joined(known, { name: owner, type: known.type, aliases: [alias] }))
  }
  return [...found.values()]
}

/** Whether a sentence, or a line, begins here. */
const isFirst = (text: string, index: number): boolean =>
  /(?:^|[.!?:\n"“(]\s*|[-*•]\s)$/.test(text.slice(Math.max(0, index - 4), index))

const named = (text: string, whole: string, index: number, inner: ReadonlySet<string>): Mention | undefined => {
  const known = whole.replace(/['’]s$/, "")
  const found = withoutBeginning(known, isFirst(text, index))
  const start = index + known.length - found.length
  const rest = text.slice(start + found.length, start + found.length + 200)
  // "Order 4471" is one word and a number, "Python 3.12" is a name.
  const isAlone = !found.replace(/ \d+$/, "").includes(" ")
  const isAcronym = /^\p{Lu}{2,}[\p{Lu}\d-]*$/u.test(found)
  if (
    !/^\p{Ll}{0,3}\p{Lu}/u.test(found) ||
    calendar.test(found) ||
    language.test(found) ||
    numbered.test(found) ||
    abbreviations.has(found) ||
    (isAlone && !isAcronym && isOpener(found))
  )
    return undefined
  if (isAlone && isFirst(text, start) && !isAcronym && !inner.has(found) && !isSubject(rest, found)) return undefined
  const ahead = text.slice(Math.max(0, start - 24), start)
  if (/\d ?$/.test(ahead) && unitAlone.test(found)) return undefined
  const description = descriptionIn(rest, isAdverbial.test(ahead))
  return { name: found, type: typeOf(found, ahead, rest), ...(description === undefined ? {} : { description }) }
}

/** "Yesterday Ada", "In 2019 Ada", "CEO of Acme": the name begins later. */
const withoutBeginning = (found: string, isFirst: boolean): string => {
  const [first = ""] = found.split(" ")
  const rest =
    isFirst && found.includes(" ") && isOpener(first)
      ? found.slice(first.length + 1).replace(/^(?:(?:of|for|and|the|\d[\d.,]*) )+/, "")
      : found
  const named = (isFirst ? rest.replace(headOfSentence, "") : rest).replace(datesBefore, "")
  return named.replace(role, "").replace(office, "")
}

/** "In August 2022 Ada". */
const datesBefore = new RegExp(`^(?:${calendar.source.slice(1)}(?: \\d+)* )+(?=\\p{Lu})`, "iu")
/** "Support for Windows", but "Institute for Robotics". */
const headOfSentence =
  /^(?!(?:Institute|Cent(?:er|re)|Council|Association|Foundation|Society|Agency|Organi[sz]ation|Committee|Department|Office|Alliance) )\p{Lu}\p{Ll}+ for (?=\p{Lu})/u
/** "In Paris, the museum": the following words do not describe Paris. */
const isAdverbial = /(?:^|[.!?:\n] ?)(?:In|At|On|Near|From|After|Before|During|With|For|By|According to)(?: the)? $/

const isOpener = (candidate: string): boolean => {
  const lower = candidate.toLowerCase().replace(/['’].*$/, "")
  return Terms.isCommon(lower) || openers.has(lower)
}

/**
 * The verb of one subject, and what only a verb is followed by: "Redis runs on". A noun without an
 * article before it is a name.
 */
const singular =
  /^ \p{Ll}{2,}(?:s|ed) (?:an?|the|on|in|at|for|to|with|from|by|about|that|his|her|its|our|my|their|all|\d|\p{Lu})/u

/** One capitalised word that begins a sentence is a name when it does what names do. */
const isSubject = (rest: string, found: string): boolean =>
  found.length > 1 &&
  (speaking.test(rest) ||
    // "OpenAI", "PostgreSQL", "Python 3.12": no other word is written like this.
    /\p{Ll}\p{Lu}|\d\.\d/u.test(found) ||
    (!/[^siu]s$/.test(found) && singular.test(rest)) ||
    isCalledSo.test(rest) ||
    /^ (?:means|refers to|stands for) /.test(rest) ||
    /^ (?:has|had) \d/.test(rest) ||
    /^(?:'s|’s)? (?:is|was|has|had) (?:an?|the|my|our|his|her|born)\b/.test(rest) ||
    /^(?:'s|’s) /.test(rest) ||
    /^ and \p{Lu}/u.test(rest) ||
    /^, (?:an?|the|my|our|his|her) /.test(rest) ||
    /^ \((?:aka|also|\p{Lu}{2,})/u.test(rest))

const typeOf = (found: string, ahead: string, rest: string): string => {
  if (organization.test(found)) return "organization"
  if (place.test(found)) return "place"
  if (title.test(ahead) || /^(?:Mr|Mrs|Ms|Dr|Prof|Professor|President|Sir|Captain|Judge|Queen|King)\b/.test(found))
    return "person"
  if (speaking.test(rest)) return "person"
  if (/\d/.test(found)) return "thing"
  if (before.test(ahead)) return "place"
  return "thing"
}

/** "… is a database", "… means that nothing changes". */
const said = /^(?: (?:is|was|are|were) ((?:an?|the) [^.,;:!?()\n]{3,80})| (?:means|refers to) ([^.,;:!?()\n]{3,80}))/
/** "…, a painter from Oslo": not a sentence on its own. */
const apposition =
  /^, ((?:an?|the) (?:(?!\b(?:is|are|was|were|has|have|had|can|could|will|would|may|might|must|should)\b)[^.,;:!?()\n]){3,80})(?![^.,;:!?()\n])/

const descriptionIn = (rest: string, isAdverbial: boolean): string | undefined => {
  const [, one, other] = said.exec(rest) ?? (isAdverbial ? [] : (apposition.exec(rest) ?? []))
  return (one ?? other)?.trim()
}

/** "A mutex is a lock that only one thread can hold." */
const definition =
  /(?:^|[.!?\n] ?)An? ((?:\p{Ll}[\p{L}-]* ){0,2}\p{Ll}[\p{L}-]*) is (an? [^.,;:!?()\n]{2,60} (?:that|which|who|for|of|used|between|with) [^.,;:!?()\n]{2,60})/gu

const definitions = function* (text: string): Generator<Mention> {
  for (const [, name, description] of text.matchAll(definition))
    yield { name: name!, type: "thing", description: description!.trim() }
}

const units =
  "%|percent|hectares?|acres?|tons?|tonnes?|cent(?:imet(?:er|re)s?)|millimet(?:er|re)s?|inch(?:es)?|feet|watts?|volts?|dollars?|euros?|pounds?|usd|eur|km|kilomet(?:er|re)s?|miles?|met(?:er|re)s?|kg|kilograms?|grams?|lit(?:er|re)s?|hours?|minutes?|seconds?|days?|weeks?|months?|years?|people|employees|users|customers|requests|times|degrees|gb|mb|tb|ms|million|billion"
/** Read from its beginning only, or many numbers in a row would take forever. */
const digits = "(?<!\\d[.,]?)\\d+(?:[.,]\\d+)*"
const amount = new RegExp(
  `[$€£] ?${digits}(?: (?:million|billion)|(?:bn|m|k)(?![\\p{L}]))?|\\b${digits}(?: (?:million|billion))? ?(?:${units})(?![\\p{L}])`,
  "giu"
)
/** Amounts in symbols, which are written in one case only. */
const measure = new RegExp(`(?<![\\p{L}$€£])${digits} ?(?:${symbol})(?![\\p{L}\\d])`, "gu")
/** "since 2019", "in late 2027". */
const year =
  /\b(?:[Ii]n|[Ss]ince|[Uu]ntil|[Bb]y|[Bb]efore|[Aa]fter|[Ff]rom|to|of|[Dd]uring|late|early|mid)[ -]((?:1[5-9]|20)\d\d)(?![\d,.-]*\d| ?%| \p{Ll}+s\b)/gu
const date =
  /\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./](?:19|20)\d{2}|(?:\d{1,2}(?:st|nd|rd|th)?(?: of)? )?(?:January|February|March|April|May|June|July|August|September|October|November|December)(?: \d{1,2}(?:st|nd|rd|th)?\b)?(?:,? (?:1\d|20)\d{2})|\d{1,2}(?:st|nd|rd|th)?(?: of)? (?:January|February|March|April|May|June|July|August|September|October|November|December)|(?:January|February|March|April|May|June|July|August|September|October|November|December) \d{1,2}(?:st|nd|rd|th)?\b)/g

const quantities = function* (text: string): Generator<Mention> {
  for (const [found] of text.matchAll(date)) yield { name: found, type: "date" }
  for (const [, found] of text.matchAll(year)) yield { name: found!, type: "date" }
  for (const [found] of text.matchAll(measure)) yield { name: found, type: "number" }
  for (const [found] of text.matchAll(amount)) yield { name: found.replace(/[.,]$/, ""), type: "number" }
}

/** What stands between a name and another one. */
const calledSo =
  "(?:(?:also|better|best|commonly|formerly|often|previously|usually|widely) )?(?:known as|called|nicknamed|abbreviated (?:as|to)|shortened to)|aka|a\\.k\\.a\\.|formerly|previously|or simply|short for"
const isCalledSo = new RegExp(`^,? \\(?(?:${calledSo}) `)
const alias = new RegExp(
  `(${nameSource}),? (?:\\(?(?:${calledSo}) (?:the )?["“]?(${nameSource})["”]?\\)?|\\(["“]?(\\p{Lu}[\\p{Lu}\\d&-]{1,9})["”]?\\))`,
  "gu"
)

/** Every alias has one of these. */
const hasAlias = /\(|, or |known|aka|a\.k\.a|called|formerly|previously|nicknamed|simply|short/i

const initials = /(?<![\p{L}-])([\p{L}-]+(?: [\p{L}-]+){1,7})(?: \(|, or )["“]?(\p{Lu}{2,6})(?![\p{L}\d])/gu
const small = /^(?:of|and|the|for|in|to|on|a|an)$/

/** "total cost of ownership, or TCO": words whose first letters are the alias. */
const abbreviated = function* (text: string): Generator<Mention> {
  if (!hasAlias.test(text)) return
  for (const [, before, short] of text.matchAll(initials)) {
    const words = before!.split(" ")
    let at = words.length
    let letter = short!.length
    while (letter > 0 && at > 0) {
      const next = words[--at]!
      if (next[0]!.toUpperCase() === short![letter - 1]) letter--
      else if (!small.test(next)) break
    }
    if (letter === 0) yield { name: words.slice(at).join(" "), type: "thing", aliases: [short!] }
  }
}

/** Pairs of another name and the name that it stands for. */
const aliasesIn = function* (text: string): Generator<readonly [string, string]> {
  if (!hasAlias.test(text)) return
  for (const [, owner, long, short] of text.matchAll(alias)) yield [(long ?? short)!, owner!.replace(/^The /, "")]
}

/** The same for names that differ in case, accents and articles. */
export const keyOf = (found: string): string =>
  Terms.wordsOf(found.replace(/^(?:the|a|an) /i, "").replace(/['’]s$/, "")).join(" ")

/** Whether an entity has a name with this key. */
export const isCalled = ({ aliases, name }: Pick<Entity, "aliases" | "name">, key: string): boolean =>
  [name, ...aliases].some((each) => keyOf(each) === key)

/** Whether an entity with this key is on either side. */
export const isBetween = ({ from, to }: Relation, key: string): boolean => keyOf(from) === key || keyOf(to) === key

const joined = (one: Mention, other: Mention): Mention => {
  const aliases = [...new Set([...(one.aliases ?? []), ...(other.aliases ?? [])])]
  const description = one.description ?? other.description
  return {
    name: one.name,
    type: one.type === "thing" ? other.type : one.type,
    ...(aliases.length === 0 ? {} : { aliases }),
    ...(description === undefined ? {} : { description })
  }
}

/** Memories that are listed with an entity. */
const maxMemories = 100

/**
 * The entities of memories, the most mentioned first. Mentions are of one entity when they have a
 * name or an alias in common; a number or a negation that differs ("GPT-4", "GPT-5") keeps names
 * apart that are alike.
 */
export const merge = (
  memories: Iterable<{ readonly id: string; readonly mentions: ReadonlyArray<Mention> }>
): ReadonlyArray<Entity> => {
  interface Group {
    mention: Mention
    memories: Array<string>
    mentions: number
  }
  const groups = new Map<string, Group>()
  for (const { id, mentions } of memories)
    for (const mention of mentions) {
      const keys = [mention.name, ...(mention.aliases ?? [])].map(keyOf).filter((key) => key !== "")
      if (keys.length === 0) continue
      const known = [...new Set(keys.flatMap((key) => groups.get(key) ?? []))]
      const [first = { mention, memories: [], mentions: 0 }, ...others] = known
      for (const other of others) absorb(first, other)
      first.mention = renamed(first.mention, mention)
      first.mentions++
      if (first.memories.at(-1) !== id) first.memories.push(id)
      for (const other of others) for (const [key, group] of groups) if (group === other) groups.set(key, first)
      for (const key of keys) groups.set(key, first)
    }
  return [...new Set(groups.values())]
    .map(({ memories, mention, mentions }) => ({
      aliases: [],
      ...mention,
      memories: memories.slice(0, maxMemories),
      mentions
    }))
    .sort((one, other) => other.mentions - one.mentions || (one.name < other.name ? -1 : 1))
}

const absorb = (
  group: { mention: Mention; memories: Array<string>; mentions: number },
  other: { readonly mention: Mention; readonly memories: ReadonlyArray<string>; readonly mentions: number }
) => {
  group.mention = renamed(group.mention, other.mention)
  group.memories = [...new Set([...group.memories, ...other.memories])].sort()
  group.mentions += other.mentions
}

/** Another name becomes an alias, unless it is the same but for case. */
const renamed = (one: Mention, other: Mention): Mention =>
  keyOf(one.name) === keyOf(other.name)
    ? joined(one, other)
    : joined(one, {
        ...other,
        aliases: [other.name, ...(other.aliases ?? [])].filter((each) => keyOf(each) !== keyOf(one.name))
      })
