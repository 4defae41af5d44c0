/**
 * Builds every publishable package and packs it as `pnpm publish` would: `exports` of
 * `publishConfig`, versions instead of `workspace:` and `catalog:`. From the command line: `node
 * scripts/pack.mjs <folder>`.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { root, run } from "./run.mjs"

const must = async (command, args, cwd = root) => {
  const { code, output } = await run(command, args, { cwd, quiet: true })
  if (code !== 0)
    throw new Error(`${[command, ...args].join(" ")} (in ${cwd}) ended with exit code ${code}:\n${output}`)
}

const filesOf = async (tarball) => (await run("tar", ["-tzf", tarball], { quiet: true })).output.split("\n")

/**
 * Packs into an existing folder; resolves with the name and the tarball of each package,
 * dependencies before dependents.
 */
export const pack = async (folder) => {
  // Declarations first: tsc stops at the first mistake, before anything is bundled.
  await must("tsc", ["-b"])
  await must("pnpm", ["-r", "build"])
  const packed = []
  for (const name of readdirSync(join(root, "packages")).sort()) {
    const directory = join(root, "packages", name)
    const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))
    if (manifest.private) continue
    const tarball = join(folder, `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`)
    await must("pnpm", ["pack", "--pack-destination", folder], directory)
    if (!(await filesOf(tarball)).includes("package/README.md"))
      throw new Error(`${manifest.name} would have no page at npm: write packages/${name}/README.md`)
    packed.push({ name: manifest.name, version: manifest.version, tarball })
  }
  return packed
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2]
  if (folder === undefined) throw new Error("Missing folder: node scripts/pack.mjs <folder>")
  for (const { name, tarball } of await pack(folder)) process.stdout.write(`${name} ${tarball}\n`)
}
