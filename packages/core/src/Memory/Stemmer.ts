/**
 * English words without their endings: M. F. Porter, "An algorithm for suffix stripping", Program
 * 14(3), 1980, with its author's later corrections. Words with letters other than a to z stay as
 * they are.
 */

const consonant = "[^aeiou]"
const vowel = "[aeiouy]"
const consonants = `${consonant}[^aeiouy]*`
const vowels = `${vowel}[aeiou]*`
/**
 * Measures of a stem: at least one, exactly one, at least two changes from vowels to consonants.
 */
const once = new RegExp(`^(${consonants})?${vowels}${consonants}`)
const exactlyOnce = new RegExp(`^(${consonants})?${vowels}${consonants}(${vowels})?$`)
const twice = new RegExp(`^(${consonants})?${vowels}${consonants}${vowels}${consonants}`)
const hasVowel = new RegExp(`^(${consonants})?${vowel}`)
const isShort = new RegExp(`^${consonants}${vowel}[^aeiouwxy]$`)

const second: { readonly [suffix: string]: string } = {
  ational: "ate",
  tional: "tion",
  enci: "ence",
  anci: "ance",
  izer: "ize",
  bli: "ble",
  alli: "al",
  entli: "ent",
  eli: "e",
  ousli: "ous",
  ization: "ize",
  ation: "ate",
  ator: "ate",
  alism: "al",
  iveness: "ive",
  fulness: "ful",
  ousness: "ous",
  aliti: "al",
  iviti: "ive",
  biliti: "ble",
  logi: "log"
}
const third: { readonly [suffix: string]: string } = {
  icate: "ic",
  ative: "",
  alize: "al",
  iciti: "ic",
  ical: "ic",
  ful: "",
  ness: ""
}
const secondSuffix = new RegExp(`^(.+?)(${Object.keys(second).join("|")})$`)
const thirdSuffix = new RegExp(`^(.+?)(${Object.keys(third).join("|")})$`)
const fourthSuffix = /^(.+?)(al|ance|ence|er|ic|able|ible|ant|ement|ment|ent|ou|ism|ate|iti|ous|ive|ize|(?<=[st])ion)$/

/** The stem of a word in lower case. */
export const stem = (word: string): string => {
  if (word.length < 3 || word.length > 40 || !/^[a-z]+$/.test(word)) return word
  // An initial y is a consonant.
  const isY = word.startsWith("y")
  const stemmed = last(derived(plain(isY ? `Y${word.slice(1)}` : word)))
  return isY ? `y${stemmed.slice(1)}` : stemmed
}

/** Without the endings of plurals, past and progressive forms. */
const plain = (word: string): string => {
  let stemmed = word.replace(/^(.+?)(ss|i)es$/, "$1$2").replace(/^(.+?)([^s])s$/, "$1$2")
  const agreed = /^(.+?)eed$/.exec(stemmed)
  if (agreed !== null) {
    if (once.test(agreed[1]!)) stemmed = stemmed.slice(0, -1)
  } else {
    const root = /^(.+?)(?:ed|ing)$/.exec(stemmed)?.[1]
    if (root !== undefined && hasVowel.test(root)) stemmed = mended(root)
  }
  const root = /^(.+?)y$/.exec(stemmed)?.[1]
  return root !== undefined && hasVowel.test(root) ? `${root}i` : stemmed
}

const mended = (root: string): string => {
  if (/(at|bl|iz)$/.test(root) || isShort.test(root)) return `${root}e`
  return /([^aeiouylsz])\1$/.test(root) ? root.slice(0, -1) : root
}

/** Without the endings that make one part of speech of another. */
const derived = (word: string): string => {
  let stemmed = word
  const two = secondSuffix.exec(stemmed)
  if (two !== null && once.test(two[1]!)) stemmed = two[1]! + second[two[2]!]!
  const three = thirdSuffix.exec(stemmed)
  if (three !== null && once.test(three[1]!)) stemmed = three[1]! + third[three[2]!]!
  const four = fourthSuffix.exec(stemmed)
  return four !== null && twice.test(four[1]!) ? four[1]! : stemmed
}

const last = (word: string): string => {
  let stemmed = word
  const root = /^(.+?)e$/.exec(stemmed)?.[1]
  if (root !== undefined && (twice.test(root) || (exactlyOnce.test(root) && !isShort.test(root)))) stemmed = root
  return stemmed.endsWith("ll") && twice.test(stemmed) ? stemmed.slice(0, -1) : stemmed
}
