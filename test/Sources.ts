/**
 * Analyses the imports between sources of a package, and the length of their functions and comment
 * lines. Imports and functions are read from the syntax tree, so examples in comments are ignored.
 */
import { dirname, join } from "node:path/posix"
import * as typescript from "typescript-6"
import * as Result from "effect/Result"
import * as Dag from "../packages/core/src/Dag.ts"

/** By path from the package's `src`: which files of it each file imports. */
export type Graph = ReadonlyMap<string, ReadonlyArray<string>>

/**
 * From the top down: the files of each floor. `Crew` stands for `Crew.ts` and the folder `Crew/`.
 */
export type Floors = ReadonlyArray<ReadonlyArray<string>>

const parsed = new Map<string, typescript.SourceFile>()

/** Each text once: several rules read the same files. */
const parse = (text: string): typescript.SourceFile => {
  const known = parsed.get(text)
  if (known !== undefined) return known
  const source = typescript.createSourceFile("source.ts", text, typescript.ScriptTarget.Latest)
  parsed.set(text, source)
  return source
}

/** Every module that a file names: imports and re-exports, including types, and `import()`. */
export const imports = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  const visit = (node: typescript.Node): void => {
    const named =
      typescript.isImportDeclaration(node) || typescript.isExportDeclaration(node)
        ? node.moduleSpecifier
        : typescript.isImportTypeNode(node) && typescript.isLiteralTypeNode(node.argument)
          ? node.argument.literal
          : typescript.isCallExpression(node) && node.expression.kind === typescript.SyntaxKind.ImportKeyword
            ? node.arguments[0]
            : undefined
    if (named !== undefined && typescript.isStringLiteralLike(named)) found.push(named.text)
    typescript.forEachChild(node, visit)
  }
  visit(parse(text))
  return found
}

export const graphOf = (sources: ReadonlyMap<string, string>): Graph =>
  new Map(
    Array.from(sources, ([file, text]) => [
      file,
      imports(text)
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => join(dirname(file), specifier))
        .filter((target) => sources.has(target))
    ])
  )

/** Files that import each other, one circle for every set of them. */
export const circles = (graph: Graph): ReadonlyArray<string> => {
  const made = Dag.make(Array.from(graph, ([id, dependencies]) => ({ id, dependencies })))
  return Result.isSuccess(made)
    ? []
    : made.failure.map((problem) => (problem.code === "cycle" ? problem.path.join(" -> ") : Dag.describe(problem)))
}

const isOf = (entry: string, file: string): boolean => file === `${entry}.ts` || file.startsWith(`${entry}/`)

/** Files on no floor or on several, and entries that stand for no file. */
export const misplaced = (files: ReadonlyArray<string>, floors: Floors): ReadonlyArray<string> => {
  const entries = floors.flat()
  return [
    ...files.flatMap((file) => {
      const count = entries.filter((entry) => isOf(entry, file)).length
      return count === 1 ? [] : [count === 0 ? `${file} stands on no floor` : `${file} stands on ${count} floors`]
    }),
    ...entries.filter((entry) => !files.some((file) => isOf(entry, file))).map((entry) => `${entry} is no file`)
  ]
}

/** Imports from a higher floor. */
export const upward = (graph: Graph, floors: Floors): ReadonlyArray<string> => {
  const floorOf = (file: string) => floors.findIndex((entries) => entries.some((entry) => isOf(entry, file)))
  return Array.from(graph).flatMap(([file, targets]) =>
    targets.filter((target) => floorOf(target) < floorOf(file)).map((target) => `${file} imports ${target} from above`)
  )
}

const registers = new Set(["addEventListener", "addListener", "on", "once", "prependListener", "prependOnceListener"])

/**
 * Events with a listener that is neither guarded nor empty: an exception in it would end the
 * process.
 */
export const rawListeners = (text: string): ReadonlyArray<string> => {
  const source = parse(text)
  const found: Array<string> = []
  const guards = new Set(["guarded", "this.guarded"])
  const isGuard = (node: typescript.Node): boolean =>
    typescript.isCallExpression(node) && guards.has(node.expression.getText(source))
  /** Names of guarded callbacks: `const failed = guarded(…)`. */
  const names = new Set<string>()
  const isSafe = (listener: typescript.Expression): boolean =>
    isGuard(listener) ||
    (typescript.isIdentifier(listener) && names.has(listener.text)) ||
    (typescript.isArrowFunction(listener) && /^(\{\}|undefined)$/.test(listener.body.getText(source)))
  const nameGuarded = (node: typescript.Node): void => {
    if (typescript.isVariableDeclaration(node) && node.initializer !== undefined && isGuard(node.initializer)) {
      names.add(node.name.getText(source))
    }
    typescript.forEachChild(node, nameGuarded)
  }
  const visit = (node: typescript.Node): void => {
    if (
      typescript.isCallExpression(node) &&
      typescript.isPropertyAccessExpression(node.expression) &&
      registers.has(node.expression.name.text)
    ) {
      const [event, listener] = node.arguments
      if (event !== undefined && listener !== undefined && !isSafe(listener)) {
        found.push(typescript.isStringLiteralLike(event) ? event.text : event.getText(source))
      }
    }
    typescript.forEachChild(node, visit)
  }
  nameGuarded(source)
  visit(source)
  return found
}

/** Methods that are given lists of any length. */
const variadic = new Set(["fromCharCode", "fromCodePoint", "max", "min", "push", "splice", "unshift"])

/**
 * Calls that spread a list into their arguments (`all.push(...more)`): one of some hundred thousand
 * overflows the stack.
 */
export const spreadArguments = (text: string): ReadonlyArray<string> => {
  const source = parse(text)
  const found: Array<string> = []
  const visit = (node: typescript.Node): void => {
    if (
      typescript.isCallExpression(node) &&
      typescript.isPropertyAccessExpression(node.expression) &&
      variadic.has(node.expression.name.text) &&
      node.arguments.some(typescript.isSpreadElement)
    ) {
      found.push(node.getText(source))
    }
    typescript.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** Functions of more lines than that, with their first line and their length. */
export const longFunctions = (text: string, maxLines: number): ReadonlyArray<string> => {
  const source = parse(text)
  const found: Array<string> = []
  const lineOf = (position: number) => source.getLineAndCharacterOfPosition(position).line + 1
  const visit = (node: typescript.Node): void => {
    if (typescript.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const first = lineOf(node.getStart(source))
      const lines = lineOf(node.end) - first + 1
      if (lines > maxLines) found.push(`line ${first}: a function of ${lines} lines`)
    }
    typescript.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** Section rules, command examples, URLs and compiler directives stay on one line. */
const isUnwrappable = (line: string): boolean =>
  /^\s*\/\/ -{3,}/.test(line) || /^\s*\* {4,}\S/.test(line) || /https?:\/\//.test(line) || /^\s*\/\/ @ts-/.test(line)

/** Comment lines that exceed the limit; comments that follow code on their line do not count. */
export const longComments = (text: string, maxColumns: number): ReadonlyArray<string> => {
  let inBlock = false
  return text.split("\n").flatMap((line, index) => {
    const opens = /^\s*\/\*/.test(line)
    const isComment = inBlock || opens || /^\s*\/\//.test(line)
    inBlock = (inBlock || opens) && !line.includes("*/")
    if (!isComment || line.length <= maxColumns || isUnwrappable(line)) return []
    return [`line ${index + 1}: a comment of ${line.length} columns`]
  })
}
