/**
 * `npm run generate`: writes Lua and SQL files into TypeScript modules, one exported string per
 * file, because bundling moves modules and would leave behind files that are read at run time. It
 * also creates the database that new embedded databases start from. `npm run check -- generated`
 * fails when one of them is stale.
 *
 * A folder of text has its module beside it: `Lua/` and `Lua.ts`. A file becomes a constant named
 * after its path: `claim.lua` is `claim`, `event-log/append.sql` is `eventLogAppend`. A line
 * `-- include: shared/record` inserts the file `shared/record.lua` of the same folder, with
 * everything that it includes in turn; each file is inserted once, at its first inclusion. Files
 * that are included are not exported. A part lists what it includes before its own text.
 *
 * A line of Lua that ends with `-- exported`, as `local FIRST, SEP = 16, '\31' -- exported`, also
 * exports its numbers and strings to TypeScript under the same names.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { initialDatabase, writeInitialDatabase } from "./initial-database.mjs"
import { root } from "./run.mjs"

/**
 * Comments are for readers of the files: they are not sent, and changing one does not change a
 * migration.
 */
const withoutComments = (text) =>
  text
    .split("\n")
    .filter((line) => !/^\s*(--|$)/.test(line) || isInclude(line))
    .join("\n") + "\n"

const targets = [
  { folder: "packages/llm/src/BudgetStore/Lua", extension: ".lua" },
  { folder: "packages/llm/src/RateLimit/Lua", extension: ".lua" },
  { folder: "packages/queue-redis/src/RedisTaskQueue/Lua", extension: ".lua" },
  { folder: "packages/memory-pg/src/Migrations/Sql", extension: ".sql" },
  { folder: "packages/server/src/Migrations/Sql", extension: ".sql" }
]

const include = /^\s*-- include: (\S+)\s*$/
const isInclude = (line) => include.test(line)

const nameOf = (path) => path.replace(/[-/]+(\w)/g, (_, letter) => letter.toUpperCase())

/** A file as a list of `{ text }` and `{ include }`, in order. */
const piecesOf = (text) => {
  const pieces = []
  for (const line of text.replace(/\n*$/, "\n").split(/(?<=\n)/)) {
    const [, path] = include.exec(line) ?? []
    if (path !== undefined) pieces.push({ include: path })
    else if (pieces.at(-1)?.text === undefined) pieces.push({ text: line })
    else pieces.at(-1).text += line
  }
  return pieces
}

/** The constants of the lines that are marked `-- exported`. */
const exportedOf = (text) =>
  Array.from(text.matchAll(/^local ([\w, ]+) = (.+) -- exported$/gm), ([, names, values]) => {
    const literals = values.split(", ").map((value) => {
      const character = /^'\\(\d+)'$/.exec(value)
      return JSON.stringify(character ? String.fromCharCode(Number(character[1])) : Number(value))
    })
    return names.split(", ").map((name, at) => `export const ${name} = ${literals[at]}`)
  }).flat()

const escape = (text) => text.replace(/[\\`]|\$\{/g, "\\$&")

/** The module of these files, from path without extension to text. */
export const moduleOf = (files, { folder, extension }) => {
  const pieces = new Map(Object.entries(files).map(([path, text]) => [path, piecesOf(text)]))
  const parts = new Set([...pieces.values()].flat().flatMap((piece) => piece.include ?? []))
  const complain = (path, text) => {
    throw new Error(`${folder}/${path}${extension}: ${text}`)
  }

  for (const [path, list] of pieces) {
    const name = nameOf(path)
    if (!/^[a-z]\w*$/i.test(name)) complain(path, `"${name}" is not an identifier, rename the file`)
    const twin = [...pieces.keys()].find((other) => other !== path && nameOf(other) === name)
    if (twin !== undefined) complain(path, `has the same constant as ${twin}${extension}, rename one of them`)
    for (const { include } of list) {
      if (include !== undefined && !pieces.has(include)) complain(path, `includes "${include}", which does not exist`)
    }
    const begin = list.findIndex((piece) => piece.text)
    if (parts.has(path) && begin !== -1 && list.slice(begin).some((piece) => piece.include)) {
      complain(path, "is included by others: move its own includes before its text")
    }
  }

  /** A template literal: text that is not an insertion is kept as it is. */
  const literalOf = (path) => {
    const inserted = new Set()
    const insert = (part, chain) => {
      if (chain.includes(part)) complain(part, `includes itself: ${[...chain, part].join(" -> ")}`)
      if (inserted.has(part)) return ""
      const required = pieces.get(part).map((piece) => (piece.include ? insert(piece.include, [...chain, part]) : ""))
      inserted.add(part)
      return `${required.join("")}\${${nameOf(part)}}`
    }
    const own = pieces.get(path).map((piece) => (piece.text ? escape(piece.text) : insert(piece.include, [path])))
    return `\`${own.join("")}\``
  }

  const constants = [...pieces].map(([path, list]) =>
    parts.has(path)
      ? `const ${nameOf(path)} = \`${escape(list.map((piece) => piece.text ?? "").join(""))}\``
      : `export const ${nameOf(path)}: string = ${literalOf(path)}`
  )
  // Parts are placed before those that insert them.
  const sorted = constants.toSorted((a, b) => Number(a.startsWith("export")) - Number(b.startsWith("export")))
  const exported = Object.values(files).flatMap(exportedOf)
  return `// Generated from the ${extension} files beside it by \`npm run generate\`: edit those.\n\n${[...exported, ...sorted].join("\n\n")}\n`
}

/**
 * Each generated file: its path, its text as it should be, and whether it differs from what is
 * there.
 */
export const generated = (root, wanted = targets) =>
  wanted.map(({ extension, folder }) => {
    const paths = globSync(`**/*${extension}`, { cwd: join(root, folder) }).toSorted()
    if (paths.length === 0) throw new Error(`${folder} has no ${extension} file`)
    const files = paths.map((path) => [
      path.replaceAll("\\", "/").slice(0, -extension.length),
      withoutComments(readFileSync(join(root, folder, path), "utf8").replaceAll("\r\n", "\n"))
    ])
    const file = `${folder}.ts`
    const text = moduleOf(Object.fromEntries(files), { folder, extension })
    return { file, text, isStale: currentText(join(root, file)) !== text }
  })

const currentText = (file) => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { file, isStale, text } of generated(root)) {
    if (isStale) writeFileSync(join(root, file), text)
    process.stdout.write(`${file}: ${isStale ? "written" : "up to date"}\n`)
  }
  // After the modules: the command imports them.
  const help = await import("./help.mjs")
  writeFileSync(help.file, await help.helpText())
  const operations = await import("./operations.mjs")
  writeFileSync(operations.file, operations.pageText())
  const { file, isStale } = await initialDatabase(root)
  if (isStale) await writeInitialDatabase(root)
  process.stdout.write(`${file}: ${isStale ? "written" : "up to date"}\n`)
}
