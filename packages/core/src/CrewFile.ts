/**
 * Crews as text: YAML 1.2, and JSON, which is a subset of it, also with comments.
 *
 * For a duplicate key, only the last value is checked; the duplication is a separate problem.
 *
 * A text is limited in length and in the number of its tokens, which are counted before anything is
 * parsed.
 */
import * as Result from "effect/Result"
import * as Yaml from "yaml"
import * as Crew from "./Crew.ts"
import type { Path } from "./Crew/PlainJson.ts"
import * as Placeholder from "./Crew/Placeholder.ts"
import { maxProblems } from "./Crew/Problem.ts"
import * as Wording from "./Crew/Wording.ts"
import * as Plan from "./Plan.ts"

export interface ParseOptions {
  /** Named in the messages. */
  readonly filename?: string
  /**
   * Tools and inputs, where they are given, are looked at too, so that the problems of `Plan.make`
   * have their place in the text.
   */
  readonly plan?: Pick<Plan.MakeOptions, "inputs" | "tools">
}

/** A text that could be read: what it says, which need not be a crew, and where it says it. */
export interface Source {
  /** As plain JSON. */
  readonly value: unknown
  /** Duplicate keys in one object: the first hundred, and the number of the others. */
  readonly problems: ReadonlyArray<Crew.Problem>
  readonly more: number
  /** The same problems with the line and column that their paths lead to. */
  readonly locate: (problems: ReadonlyArray<Crew.Problem>) => ReadonlyArray<Crew.Problem>
}

/** Each is looked up in place; crews with more references than this are also hard to read. */
const maxAliases = 1_000

/** Characters of a text: parsing takes time and memory of several hundred times its size. */
const maxLength = 512 * 1024

/**
 * What the scanner divides a text into: keys, values, marks and the spaces between. Two seconds of
 * parsing at the worst.
 */
const maxTokens = 150_000

/**
 * The text of a file in UTF-8, or in UTF-16 with a byte order mark; otherwise the line that is
 * neither.
 */
export const decode = (bytes: Uint8Array): Result.Result<string, Crew.CrewInvalid> => {
  const [first, second] = bytes
  const isLittle = first === 0xff && second === 0xfe
  if (isLittle || (first === 0xfe && second === 0xff)) {
    try {
      return Result.succeed(new TextDecoder(isLittle ? "utf-16le" : "utf-16be", { fatal: true }).decode(bytes))
    } catch {
      return notText("The file begins as UTF-16 text but is not valid UTF-16: save it as UTF-8.", 1)
    }
  }
  const decoder = new TextDecoder("utf-8", { fatal: true })
  const textOf = (part: Uint8Array): string | undefined => {
    try {
      return decoder.decode(part)
    } catch {
      return undefined
    }
  }
  const text = textOf(bytes)
  if (text !== undefined) return Result.succeed(text)
  let line = 1
  // No character of UTF-8 reaches over the end of a line.
  for (let start = 0; start <= bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start)
    const end = newline === -1 ? bytes.length : newline
    if (textOf(bytes.subarray(start, end)) === undefined) break
    start = end + 1
  }
  return notText("The file is not UTF-8 text: save it as UTF-8.", line)
}

const notText = (message: string, line: number) =>
  Result.fail(new Crew.CrewInvalid({ problems: [{ code: "invalid-encoding", path: [], message, line, column: 1 }] }))

/**
 * JSON with comments becomes JSON: each comment is replaced by as many spaces. Commas before a
 * closing bracket are YAML, too. Other texts stay as they are: in YAML two slashes are no comment.
 */
const withoutComments = (text: string): string =>
  beginsLikeJson.test(text)
    ? text.replaceAll(stringOrComment, (part) => (part.startsWith('"') ? part : part.replaceAll(/[^\n]/g, " ")))
    : text

const beginsLikeJson = /^\uFEFF?\s*(?:\/[/*]|\{\s*(?:"|\/[/*]))/
const stringOrComment = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[^]*?\*\//g

/**
 * Parses a text once: its value can then be completed and checked, and problems located in the
 * text.
 */
export const read = (text: string): Result.Result<Source, Crew.CrewInvalid> => {
  const lines = new Yaml.LineCounter()
  const fail = (problems: ReadonlyArray<Crew.Problem>) => Result.fail(new Crew.CrewInvalid({ problems }))
  try {
    const plain = withoutComments(text)
    const excess = excessOf(plain)
    if (excess !== undefined) return fail([excess])
    const document = documentOf(plain, lines)
    const syntax = syntaxProblems(plain, [...document.errors, ...document.warnings], lines)
    if (syntax.length > 0) return fail(syntax)
    const { dangling, moreRepeated, repeated, targets } = namesOf(document.contents, lines)
    if (dangling.length > 0) return fail(dangling)
    return Result.succeed({
      value: document.toJS({ maxAliasCount: maxAliases }),
      problems: repeated,
      more: moreRepeated,
      locate: (problems) => problems.map((problem) => ({ ...problem, ...position(document, targets, problem, lines) }))
    })
  } catch (error) {
    // Aliases that unfold without end, or nesting that exhausts the stack.
    const reason =
      error instanceof RangeError ? "it is nested too deeply" : error instanceof Error ? error.message : String(error)
    return fail([syntaxProblem(`The text cannot be parsed: ${reason}`, { line: 1, col: 1 })])
  }
}

/** The crew in a text, or all problems of the text. */
export const parse = (
  text: string,
  { filename, plan = {} }: ParseOptions = {}
): Result.Result<Crew.Crew, Crew.CrewInvalid> => {
  const parsed = Result.flatMap(read(text), (source) => {
    const { crew, more, problems } = Plan.check(source.value, plan)
    if (problems.length === 0 && source.problems.length === 0) return Result.succeed(crew)
    // Each is looked for in the text: not more of them than are shown.
    const shown = problems.slice(0, maxProblems)
    return Result.fail(
      new Crew.CrewInvalid({
        problems: inOrder([...source.locate(shown), ...source.problems]),
        more: more + problems.length - shown.length + source.more
      })
    )
  })
  return filename === undefined
    ? parsed
    : Result.mapError(parsed, ({ more, problems }) => new Crew.CrewInvalid({ problems, more: more ?? 0, filename }))
}

/** Problems with places in the order of the text. */
export const inOrder = (problems: ReadonlyArray<Crew.Problem>): ReadonlyArray<Crew.Problem> =>
  problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))

/**
 * True if problems with this code are about a key, not about its value: they are located at the
 * key.
 */
export const isAboutKey = (code: string): boolean => ofKeys.has(code)

const ofKeys: ReadonlySet<string> = new Set<Crew.Problem["code"]>([
  "unknown-key",
  "invalid-name",
  "duplicate-name",
  "missing-agent"
])

/** Where a text exceeds the limits of the parser. */
const excessOf = (text: string): Placed | undefined => {
  const excess = (offset: number, message: string): Placed => {
    const before = text.slice(0, offset).split("\n")
    return {
      code: "too-large",
      path: [],
      message: `${message} Shorten it, or send it to a server as JSON (application/json), where the limit is higher.`,
      line: before.length,
      column: before.at(-1)!.length + 1
    }
  }
  if (text.length > maxLength) {
    return excess(maxLength, `The text has ${text.length} characters; a crew file may have at most ${maxLength}.`)
  }
  let tokens = 0
  let offset = 0
  for (const token of new Yaml.Lexer().lex(text)) {
    if (++tokens > maxTokens) {
      return excess(
        offset,
        `The text has more than ${maxTokens} YAML keys, values and indicators; the next one begins here.`
      )
    }
    // Tokens of control characters mark where scalars and documents begin and stand for no text.
    if (!isMark(token)) offset += token.length
  }
  return undefined
}

const isMark = (token: string): boolean =>
  token === Yaml.CST.DOCUMENT || token === Yaml.CST.FLOW_END || token === Yaml.CST.SCALAR

const documentOf = (text: string, lines: Yaml.LineCounter): Yaml.Document.Parsed => {
  const { stackTraceLimit } = Error
  // A text may have an error in every word of it, and each would note where the parser stood.
  Error.stackTraceLimit = 0
  try {
    return Yaml.parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      // Reported below as duplicate names.
      uniqueKeys: false,
      stringKeys: true,
      merge: true,
      version: "1.2"
    })
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/**
 * The crew's data as YAML, which `parse` accepts. It does not contain functions, such as guardrails
 * and conditions.
 */
export const stringify = (crew: Crew.Crew<unknown>): string => {
  const document = new Yaml.Document(Crew.toJson(crew), { aliasDuplicateObjects: false, version: "1.2" })
  Yaml.visit(document, {
    // Unquoted it would merge; in a value or an output schema it may be a mere name.
    Pair: (_, { key }) => {
      if (Yaml.isScalar(key) && key.value === "<<") key.type = Yaml.Scalar.QUOTE_DOUBLE
    }
  })
  return document.toString({ lineWidth: 100 })
}

type Placed = Crew.Problem & { readonly line: number; readonly column: number }

/**
 * In flow style, and at the beginning of a value, a placeholder is a map of YAML: every error after
 * it comes from that.
 */
const unquotedPlaceholder = (
  text: string,
  error: Yaml.YAMLParseError | Yaml.YAMLWarning | undefined,
  lines: Yaml.LineCounter
): Placed | undefined => {
  if (error === undefined) return undefined
  const [offset] = error.pos
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset)
  const here = placeholderAt.exec(text.slice(offset, offset + 210))?.[0]
  const before = placeholderBefore.exec(line)?.[0].trimEnd()
  const placeholder = here ?? before
  if (placeholder === undefined) return undefined
  const { col, line: number } = lines.linePos(offset)
  const column = here === undefined ? col - line.length + line.lastIndexOf(placeholder) : col
  return syntaxProblem(`Quote text that contains ${placeholder}: "… ${placeholder} …"`, { line: number, col: column })
}

const placeholderAt = new RegExp(`^\\{${Placeholder.name.source}\\}`, "u")
const placeholderBefore = new RegExp(`\\{${Placeholder.name.source}\\}\\s*$`, "u")

/**
 * One error draws others after it (the same again, keys that are no text because a bracket was not
 * closed): ten are enough.
 */
const syntaxProblems = (
  text: string,
  errors: ReadonlyArray<Yaml.YAMLParseError | Yaml.YAMLWarning>,
  lines: Yaml.LineCounter
): ReadonlyArray<Placed> => {
  const original = errors.filter(({ code }) => code !== "NON_STRING_KEY")
  const placeholder = unquotedPlaceholder(text, errors[0], lines)
  if (placeholder !== undefined) return [placeholder]
  const problems = new Map<string, Placed>()
  for (const { code, message, pos } of (original.length > 0 ? original : errors).toSorted(
    (a, b) => a.pos[0] - b.pos[0]
  )) {
    const problem = syntaxProblem(wordsOf(code, message), lines.linePos(pos[0]))
    problems.set(`${problem.line}:${problem.column}:${problem.message}`, problem)
    if (problems.size === maxSyntaxProblems) break
  }
  return [...problems.values()]
}

const maxSyntaxProblems = 10

const wordsOf = (code: Yaml.ErrorCode, message: string): string => {
  if (code === "MULTIPLE_DOCS") return 'A second document begins here ("---"), but a crew file must have only one'
  if (code === "NON_STRING_KEY") return "The key is not text"
  // The parser makes a mistake of syntax of it when it runs out of stack.
  return /call stack size|Stack overflow/.test(message) ? "It is nested too deeply" : message
}

const syntaxProblem = (message: string, { col, line }: { readonly line: number; readonly col: number }): Placed => {
  const sentence = message.endsWith(".") ? message : `${message}.`
  return {
    code: "yaml-syntax",
    path: [],
    message: `Invalid YAML or JSON: ${sentence}`,
    line: Math.max(line, 1),
    column: Math.max(col, 1)
  }
}

/** What the names in a document come to. */
interface Names {
  /** Keys that stand twice in one object: the first hundred, and the number of the others. */
  readonly repeated: ReadonlyArray<Placed>
  readonly moreRepeated: number
  /** Aliases of nothing, or too many of them. */
  readonly dangling: ReadonlyArray<Placed>
  readonly targets: Targets
}

/** The target of each alias. */
type Targets = ReadonlyMap<Yaml.Alias, Yaml.Node>

/** The place of a node: its key or index, and those of its ancestors. */
interface Way {
  readonly step: string | number
  readonly before: Way | undefined
}

const pathOf = (way: Way | undefined): Path => {
  const steps: Array<string | number> = []
  for (let current = way; current !== undefined; current = current.before) steps.push(current.step)
  return steps.reverse()
}

const namesOf = (root: Yaml.Node | null, lines: Yaml.LineCounter): Names => {
  const repeated: Array<Placed> = []
  let moreRepeated = 0
  const dangling: Array<Placed> = []
  const anchors = new Map<string, Yaml.Node>()
  const targets = new Map<Yaml.Alias, Yaml.Node>()
  const pending: Array<{ readonly node: unknown; readonly way: Way | undefined }> = [{ node: root, way: undefined }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, way } = next
    if (Yaml.isAlias(node)) {
      const target = anchors.get(node.source)
      const at = () => lines.linePos(node.range?.[0] ?? 0)
      if (target === undefined) {
        if (dangling.length < maxProblems)
          dangling.push(syntaxProblem(`The alias *${node.source} has no anchor &${node.source} before it`, at()))
      } else if (targets.set(node, target).size > maxAliases) {
        dangling.push(syntaxProblem(`The text has more than ${maxAliases} aliases; this one is too many`, at()))
        break
      }
    } else if (Yaml.isNode(node) && node.anchor !== undefined) anchors.set(node.anchor, node)
    // In the order of the text: an alias means the anchor before it.
    const inside: typeof pending = []
    if (Yaml.isSeq(node))
      node.items.forEach((item, index) => inside.push({ node: item, way: { step: index, before: way } }))
    if (Yaml.isMap(node)) {
      const seen = new Map<string, unknown>()
      for (const { key, value } of node.items) {
        const name = keyName(key)
        const here = { step: name, before: way }
        inside.push({ node: value, way: here })
        const first = seen.get(name)
        if (first === undefined) seen.set(name, key)
        else if (name !== "<<") {
          if (repeated.length >= maxProblems) moreRepeated++
          else repeated.push(repeatedKey(pathOf(here), at(first, lines).line, at(key, lines)))
        }
      }
    }
    for (let one = inside.pop(); one !== undefined; one = inside.pop()) pending.push(one)
  }
  return { repeated, moreRepeated, dangling, targets }
}

const repeatedKey = (
  path: Path,
  firstLine: number,
  place: { readonly line: number; readonly column: number }
): Placed => ({
  code: "duplicate-name",
  path,
  message: `${Wording.quote(String(path.at(-1)))} is defined twice, first on line ${firstLine}: give each a unique name.`,
  ...place
})

const keyName = (key: unknown): string => String(Yaml.isScalar(key) ? key.value : key)

const at = (node: unknown, lines: Yaml.LineCounter): { readonly line: number; readonly column: number } => {
  const offset = Yaml.isNode(node) ? (node.range?.[0] ?? 0) : 0
  const { col, line } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

/** Where the path of a problem leads, or as far as it leads. */
const position = (document: Yaml.Document.Parsed, targets: Targets, problem: Crew.Problem, lines: Yaml.LineCounter) => {
  let node: unknown = document.contents
  let place: unknown = node
  for (const [index, step] of problem.path.entries()) {
    if (Yaml.isAlias(node)) node = targets.get(node)
    const pair = Yaml.isMap(node) ? pairOf(node, String(step), targets) : undefined
    const inside =
      pair !== undefined ? pair.value : Yaml.isSeq(node) && typeof step === "number" ? node.items[step] : undefined
    if (pair === undefined && inside === undefined) break
    const isLast = index === problem.path.length - 1
    const hasPlace = Yaml.isNode(inside) && inside.range !== undefined && inside.range !== null
    const isEmpty = hasPlace && Yaml.isScalar(inside) && inside.value === null
    place = pair !== undefined && (!isLast || isAboutKey(problem.code) || !hasPlace || isEmpty) ? pair.key : inside
    node = inside
  }
  return at(place, lines)
}

/**
 * A key's pair: the last of several, as the value has it; else one that is merged in by `<<`.
 * `seen` are maps without it.
 */
const pairOf = (
  map: Yaml.YAMLMap,
  name: string,
  targets: Targets,
  seen: Set<unknown> = new Set()
): Yaml.Pair | undefined => {
  if (seen.has(map)) return undefined
  seen.add(map)
  const own =
    map.items.findLast(({ key }) => keyName(key) === name) ??
    map.items.findLast(({ key }) => Placeholder.normalName(keyName(key)) === name)
  if (own !== undefined) return own
  for (const { key, value } of map.items) {
    if (keyName(key) !== "<<") continue
    for (const source of Yaml.isSeq(value) ? value.items : [value]) {
      const merged = Yaml.isAlias(source) ? targets.get(source) : source
      const found = Yaml.isMap(merged) ? pairOf(merged, name, targets, seen) : undefined
      if (found !== undefined) return found
    }
  }
  return undefined
}
