#!/usr/bin/env node
/**
 * The `crewline` command, where `@crewline/server`, which has it, is installed: beside this package
 * or in the project that it is called in.
 */
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"

const find = () => {
  for (const place of [import.meta.url, pathToFileURL(join(process.cwd(), "package.json"))]) {
    try {
      return createRequire(place).resolve("@crewline/server/package.json")
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error
    }
  }
}

const manifest = find()
if (manifest === undefined) {
  process.stderr.write(
    "The crewline command is in the package @crewline/server, which is not installed.\n" +
      "In a project: npm install @crewline/server\n" +
      "Without one:  npx -p @crewline/server crewline --help\n"
  )
  process.exitCode = 1
} else await import(pathToFileURL(join(dirname(manifest), "bin", "crewline.mjs")).href)
