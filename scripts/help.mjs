/**
 * Writes `packages/server/bin/help.json`: the help of every command, with colors, by the words of
 * the command line. With it the command answers `--help` without loading anything. Part of `npm run
 * generate`.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

export const file = fileURLToPath(new URL("../packages/server/bin/help.json", import.meta.url))

/** The text of the file, as it should be. */
export const helpText = async () => {
  const { helpOf, command } = await import("../packages/server/src/Cli.ts")
  const names = command.subcommands.flatMap(({ commands }) => commands.map(({ name }) => name))
  const texts = {}
  for (const words of [[], ...names.map((name) => [name])]) texts[words.join(" ")] = await helpOf(words)
  return `${JSON.stringify(texts, undefined, 2)}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(file, await helpText())
