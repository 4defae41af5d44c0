/**
 * `npm run check -- runtimes`: the providers in Bun and in Deno. Their binaries come from npm
 * (`bun`, `deno` and the package of this platform) into `node_modules/.cache`, and are not
 * dependencies; without a network the check fails with a message.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync } from "node:fs"
import { createInterface } from "node:readline"
import { join } from "node:path"
import { root, run } from "./run.mjs"

const versions = { bun: "1.4.5", deno: "2.9.6" }

const program = join(root, "packages/llm/test/runtimes/main.ts")

const runtimes = {
  bun: (address) => ["run", program, address],
  deno: (address) => ["run", "--allow-all", "--no-lock", "--node-modules-dir=manual", program, address]
}

/** The folder of the binaries, which are downloaded if missing. */
const fetched = async () => {
  const folder = join(root, "node_modules/.cache/runtimes", Object.entries(versions).flat().join("-"))
  if (existsSync(join(folder, "node_modules/.bin/deno"))) return folder
  mkdirSync(folder, { recursive: true })
  const packages = Object.entries(versions).map(([name, version]) => `${name}@${version}`)
  const flags = ["--no-save", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", folder]
  const { code, output } = await run("npm", ["install", ...flags, ...packages], { quiet: true, cwd: folder })
  if (code !== 0) throw new Error(`The runtimes could not be fetched from npm:\n${output}`)
  return folder
}

const provider = async () => {
  const child = spawn(process.execPath, [join(root, "fake-provider/src/main.ts")], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  for await (const line of createInterface({ input: child.stdout })) return { child, url: JSON.parse(line).url }
  throw new Error("The fake provider did not start.")
}

/** Whether the program succeeds in each of them. */
export const check = async () => {
  const folder = await fetched()
  const { child, url } = await provider()
  try {
    let good = true
    for (const [name, args] of Object.entries(runtimes)) {
      const { code, output } = await run(join(folder, "node_modules/.bin", name), args(url), { quiet: true })
      process.stdout.write(`${name} ${versions[name]}: ${code === 0 ? "good" : "FAILED"}\n${code === 0 ? "" : output}`)
      good &&= code === 0
    }
    return good
  } finally {
    child.kill()
  }
}
