/**
 * Crews as text: YAML 1.2, and JSON, which is a part of it. Every problem is told with its line and column. Nothing throws.
 *
 * Of a key that stands twice only the last value is looked at; the repetition is a problem of its own.
 */
import * as Result from "effect/Result"
import * as Yaml from "yaml"
import * as Crew from "./Crew.ts"
import * as Inspection from "./Crew/Inspection.ts"
import type { Path } from "./Crew/PlainJson.ts"
import * as Plan from "./Plan.ts"

export interface ParseOptions {
  /** Named in the messages. */
  readonly filename?: string
  /** Given: inputs and tools are looked at too, as `Plan.make` would, so that its problems have their place in the text. */
  readonly plan?: Plan.MakeOptions
  /**
   * Given: changes what the text says before it is looked at as a crew (fills in what it only refers to). Problems keep their
   * place in the text.
   */
  readonly transform?: (value: unknown) => unknown
}

/** The crew in a text, or everything that is wrong with it. */
export const parse = (text: string, options: ParseOptions = {}): Result.Result<Crew.Crew, Crew.CrewInvalid> => {
  const lines = new Yaml.LineCounter()
  const fail = (problems: ReadonlyArray<Crew.Problem>) =>
    Result.fail(
      new Crew.CrewInvalid({ problems, ...(options.filename === undefined ? {} : { filename: options.filename }) })
    )
  let document: Yaml.Document.Parsed
  let value: unknown
  let repeated: ReadonlyArray<Placed>
  try {
    document = Yaml.parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      // Told below, as what they are here: names given twice.
      uniqueKeys: false,
      stringKeys: true,
      merge: true,
      version: "1.2"
    })
    const syntax = syntaxProblems([...document.errors, ...document.warnings], lines)
    if (syntax.length > 0) return fail(syntax)
    const names = namesOf(document.contents, lines)
    if (names.dangling.length > 0) return fail(names.dangling)
    repeated = names.repeated
    const said: unknown = document.toJS({ maxAliasCount: 1_000 })
    value = options.transform === undefined ? said : options.transform(said)
  } catch (error) {
    // Aliases that unfold without end, or nesting that exhausts the stack.
    const reason =
      error instanceof RangeError ? "it is nested too deeply" : error instanceof Error ? error.message : String(error)
    return fail([syntaxProblem(`The text cannot be read: ${reason}`, { line: 1, col: 1 })])
  }
  const { crew, problems } = Inspection.fromData(value)
  const wrong =
    options.plan === undefined
      ? problems
      : Result.match(Plan.make(crew, options.plan), { onFailure: (error) => error.problems, onSuccess: () => [] })
  if (wrong.length === 0 && repeated.length === 0) return Result.succeed(crew)
  const found = wrong.map((problem) => ({ ...problem, ...position(document, problem, lines) }))
  return fail([...found, ...repeated].toSorted((a, b) => a.line - b.line || a.column - b.column))
}

/** The crew's data as YAML, which `parse` takes. Functions are no data: what they guard or decide is not in it. */
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

/** One error draws others after it (the same again, keys that are no text because a bracket was not closed): ten are enough. */
const syntaxProblems = (
  errors: ReadonlyArray<Yaml.YAMLParseError | Yaml.YAMLWarning>,
  lines: Yaml.LineCounter
): ReadonlyArray<Placed> => {
  const original = errors.filter(({ code }) => code !== "NON_STRING_KEY")
  const problems = new Map<string, Placed>()
  for (const { code, message, pos } of original.length > 0 ? original : errors) {
    const words =
      code === "MULTIPLE_DOCS"
        ? 'A second document begins here ("---"), but a crew is one document'
        : code === "NON_STRING_KEY"
          ? "The key is not text"
          : message
    const problem = syntaxProblem(words, lines.linePos(pos[0]))
    problems.set(`${problem.line}:${problem.column}:${words}`, problem)
  }
  return [...problems.values()].toSorted((a, b) => a.line - b.line || a.column - b.column).slice(0, 10)
}

const syntaxProblem = (message: string, { col, line }: { readonly line: number; readonly col: number }): Placed => {
  const sentence = message.endsWith(".") ? message : `${message}.`
  return {
    code: "yaml-syntax",
    path: [],
    message: `This is no valid YAML or JSON: ${sentence}`,
    line: Math.max(line, 1),
    column: Math.max(col, 1)
  }
}

/** Keys that stand twice in one object, and aliases of nothing, anywhere in the document. */
const namesOf = (root: Yaml.Node | null, lines: Yaml.LineCounter) => {
  const repeated: Array<Placed> = []
  const anchors = new Set<string>()
  const aliases: Array<Yaml.Alias> = []
  const pending: Array<{ readonly node: unknown; readonly path: Path }> = [{ node: root, path: [] }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, path } = next
    if (Yaml.isAlias(node)) aliases.push(node)
    else if (Yaml.isNode(node) && node.anchor !== undefined) anchors.add(node.anchor)
    if (Yaml.isSeq(node)) node.items.forEach((item, index) => pending.push({ node: item, path: [...path, index] }))
    if (!Yaml.isMap(node)) continue
    const seen = new Map<string, unknown>()
    for (const { key, value } of node.items) {
      const name = keyName(key)
      pending.push({ node: value, path: [...path, name] })
      const first = seen.get(name)
      if (first === undefined) seen.set(name, key)
      else if (name !== "<<") {
        const { column, line } = at(key, lines)
        const message = `${JSON.stringify(name)} stands here already, on line ${at(first, lines).line}: only one can count. Give each its own name.`
        repeated.push({ code: "duplicate-name", path: [...path, name], message, line, column })
      }
    }
  }
  const dangling = aliases
    .filter(({ source }) => !anchors.has(source))
    .map((alias) =>
      syntaxProblem(
        `Nothing has the anchor &${alias.source} of the alias *${alias.source}`,
        lines.linePos(alias.range?.[0] ?? 0)
      )
    )
  return { repeated, dangling }
}

const keyName = (key: unknown): string => String(Yaml.isScalar(key) ? key.value : key)

const at = (node: unknown, lines: Yaml.LineCounter): { readonly line: number; readonly column: number } => {
  const offset = Yaml.isNode(node) ? (node.range?.[0] ?? 0) : 0
  const { col, line } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

/** Problems of these codes are about a name that stands as a key, not about what it holds. */
const ofKeys: ReadonlySet<Crew.Problem["code"]> = new Set([
  "unknown-key",
  "invalid-name",
  "duplicate-name",
  "missing-agent"
])

/** Where the path of a problem leads, or as far as it leads. */
const position = (document: Yaml.Document.Parsed, problem: Crew.Problem, lines: Yaml.LineCounter) => {
  let node: unknown = document.contents
  let place: unknown = node
  for (const [index, step] of problem.path.entries()) {
    if (Yaml.isAlias(node)) node = node.resolve(document)
    const pair = Yaml.isMap(node) ? pairOf(node, String(step), document) : undefined
    const inside =
      pair !== undefined ? pair.value : Yaml.isSeq(node) && typeof step === "number" ? node.items[step] : undefined
    if (pair === undefined && inside === undefined) break
    const isLast = index === problem.path.length - 1
    const hasPlace = Yaml.isNode(inside) && inside.range !== undefined && inside.range !== null
    const isEmpty = hasPlace && Yaml.isScalar(inside) && inside.value === null
    place = pair !== undefined && (!isLast || ofKeys.has(problem.code) || !hasPlace || isEmpty) ? pair.key : inside
    node = inside
  }
  return at(place, lines)
}

/** A key's pair: the last of several, as the value has it; else one that is merged in by `<<`. */
const pairOf = (map: Yaml.YAMLMap, name: string, document: Yaml.Document): Yaml.Pair | undefined => {
  const own = map.items.findLast(({ key }) => keyName(key) === name)
  if (own !== undefined) return own
  for (const { key, value } of map.items) {
    if (keyName(key) !== "<<") continue
    for (const source of Yaml.isSeq(value) ? value.items : [value]) {
      const merged = Yaml.isAlias(source) ? source.resolve(document) : source
      const found = Yaml.isMap(merged) ? pairOf(merged, name, document) : undefined
      if (found !== undefined) return found
    }
  }
  return undefined
}
