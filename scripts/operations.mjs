/**
 * Writes the table of `docs/access.md`: every operation of the API, the scope that it needs, and
 * the least role that has it, as packages/server/src/Api.ts declares them. Part of `npm run
 * generate`.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { access, Api } from "../packages/server/src/Api.ts"
import { roles, scopesOf } from "../packages/server/src/Api/Access.ts"

export const file = fileURLToPath(new URL("../docs/access.md", import.meta.url))

const rowOf = ({ identifier: group }, { identifier, method, path }) => {
  const needed = access[`${group}.${identifier}`]
  const operation = `\`${method} ${path}\``
  if (needed === "public") return [operation, "", "nothing"]
  if (needed === "authenticated") return [operation, "", "any key"]
  return [operation, `\`${needed}\``, `\`${roles.find((role) => scopesOf(role).includes(needed))}\``]
}

/** The table, as the formatter leaves it. */
const table = () => {
  const operations = Object.values(Api.groups).flatMap((group) =>
    Object.values(group.endpoints).map((endpoint) => rowOf(group, endpoint))
  )
  const rows = [["operation", "scope", "from the role"], ["-", "-", "-"], ...operations]
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column].length)))
  return rows
    .map((row) => `| ${row.map((cell, at) => cell.padEnd(widths[at], cell === "-" ? "-" : " ")).join(" | ")} |\n`)
    .join("")
}

/** The text of the page, as it should be. */
export const pageText = () => readFileSync(file, "utf8").replace(/(?<=^<!-- Generated.*-->\n\n)(?:\|.*\n)+/m, table)

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(file, pageText())
