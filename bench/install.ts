/**
 * The cost of installing Crewline: megabytes on disk that npm installs, in whole blocks as `du`
 * counts them, and milliseconds that an import or a first run takes over `node` with an empty
 * program. The packages are packed and installed in empty applications. Rounds alternate between
 * the programs. `npm run -s bench -- install --json [--rounds 11]`
 */
import { execFile } from "node:child_process"
import { globSync, lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { median } from "./Quantile.ts"
import type { Options, Report } from "./run.ts"

export const options = { rounds: 11 }

const root = join(import.meta.dirname, "..")

/** The packages that users install, by name. */
const installations = [
  ["crewline"],
  ["crewline", "openai"],
  ["crewline", "openai", "@crewline/memory-pg"],
  ["@crewline/server"]
]

const crew = `Crew.make({
  name: "greeting",
  agents: { host: { role: "Host", goal: "Make people feel welcome" } },
  tasks: { greet: { description: "Greet.", expectedOutput: "One sentence." } }
})`

/** The programs that run in the application with `crewline` and `openai`. */
const programs: { readonly [name: string]: string } = {
  "import crewline": `import "crewline"`,
  "declare a crew": `import { Crew } from "crewline"; ${crew}`,
  "first run, scripted/demo": `import { Crew, run } from "crewline"; await run(${crew})`,
  "import @crewline/core/Crewline": `import "@crewline/core/Crewline"`,
  "import effect/Schema": `import "effect/Schema"`
}

/** npm passes its location to scripts; an npm that they start must not inherit it. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_PATH$)/.test(name)))

const must = async (command: string, args: ReadonlyArray<string>, cwd: string): Promise<string> =>
  (await promisify(execFile)(command, [...args], { cwd, env: environment, maxBuffer: 64 * 1024 * 1024 })).stdout

/** The tarball of each package, by its name. */
const pack = async (folder: string): Promise<ReadonlyMap<string, string>> => {
  const lines = (await must(process.execPath, [join(root, "scripts", "pack.mjs"), folder], root)).trim().split("\n")
  return new Map(
    lines.map((line): [string, string] => {
      const [name = "", file = ""] = line.split(" ")
      return [name, `file:${file}`]
    })
  )
}

const install = async (
  place: string,
  names: ReadonlyArray<string>,
  tarballs: ReadonlyMap<string, string>
): Promise<void> => {
  mkdirSync(place)
  const dependencies = Object.fromEntries(names.map((name) => [name, tarballs.get(name) ?? "*"]))
  // The packages depend on each other by version: these must resolve to the tarballs.
  const overrides = Object.fromEntries([...tarballs].filter(([name]) => !names.includes(name)))
  const manifest = { name: "application", private: true, type: "module", dependencies, overrides }
  writeFileSync(join(place, "package.json"), JSON.stringify(manifest))
  await must("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"], place)
}

const megabytesOf = (place: string): number =>
  globSync("node_modules/**", { cwd: place }).reduce(
    (sum, file) => sum + lstatSync(join(place, file)).blocks / 2_048,
    0
  )

const timeOf = async (program: string, cwd: string): Promise<number> => {
  const from = performance.now()
  await must(process.execPath, ["--input-type=module", "-e", program], cwd)
  return performance.now() - from
}

export const run = async (report: Report, given: Options): Promise<void> => {
  const { rounds } = { ...options, ...given }
  const folder = mkdtempSync(join(tmpdir(), "crewline-install-"))
  try {
    const tarballs = await pack(folder)
    const places: Array<string> = []
    for (const [index, names] of installations.entries()) {
      const place = join(folder, `application-${index}`)
      await install(place, names, tarballs)
      places.push(place)
      const packages = globSync(["node_modules/*/package.json", "node_modules/@*/*/package.json"], { cwd: place })
      report({
        bench: "install",
        case: `npm install ${names.join(" ")}`,
        megabytes: Math.round(megabytesOf(place)),
        packages: packages.length
      })
    }
    const place = places[1]!
    for (const [name, program] of Object.entries(programs)) {
      const whole: Array<number> = []
      const bare: Array<number> = []
      // The first round fills the caches.
      for (let round = 0; round <= rounds; round++) {
        const one = await timeOf(program, place)
        const other = await timeOf("", place)
        if (round === 0) continue
        whole.push(one)
        bare.push(other)
      }
      report({
        bench: "install",
        case: name,
        milliseconds: median(whole),
        nodeMilliseconds: median(bare),
        over: median(whole.map((millis, round) => millis - bare[round]!)),
        rounds
      })
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
