/**
 * `deploy/compose.yaml`: the settings of its containers are documented, and the first key is
 * created once, in a file that only its owner can read.
 */
import { afterAll, beforeAll, expect, it } from "vitest"
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm, stat, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (path: string) => readFile(join(root, path), "utf8")

let folder: string
let compose: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "crewline-deploy-"))
  compose = await read("deploy/compose.yaml")
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it("says nothing to Crewline that is not documented", async () => {
  const [readme, access] = [await read("README.md"), await read("docs/access.md")]
  const variables = Array.from(compose.matchAll(/^ +([A-Z][A-Z_]+):/gm), ([, name]) => name!)
  expect(variables).toEqual(expect.arrayContaining(["DATABASE_URL", "CREWLINE_MASTER_KEY", "CREWLINE_OIDC_ISSUER"]))
  for (const name of variables.filter((name) => !name.startsWith("POSTGRES_"))) {
    expect(`${readme}${access}`, name).toContain(`\`${name}\``)
  }
})

it("makes the first key once, for its user alone, and says where it is", { timeout: 120_000 }, async () => {
  // The lines of the block, without their indentation.
  const [, block = ""] = /^      - \|\n((?:        .*\n)+)/m.exec(compose) ?? []
  const script = block.replaceAll(/^ {8}/gm, "").replace("cd /secrets", `cd ${folder}`)
  expect(script).toContain("admin-key")
  const command = join(folder, "crewline")
  await symlink(join(root, "packages/server/bin/crewline.mjs"), command)
  const { DATABASE_URL: _url, CREWLINE_URL: _server, CREWLINE_KEY: _key, ...rest } = process.env
  const env = {
    ...rest,
    CREWLINE_DATA: join(folder, "data"),
    PATH: [folder, join(root, "node_modules", ".bin"), rest["PATH"]].join(delimiter)
  }
  const run = () => promisify(execFile)("sh", ["-euc", script], { env })
  const first = await run()
  const file = join(folder, "admin-key")
  const key = await readFile(file, "utf8")
  expect(key).toMatch(/^crewline_[0-9a-f]{12}_[\w-]{43}\n$/)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const second = await run()
  expect(await readFile(file, "utf8")).toBe(key)
  for (const { stderr, stdout } of [first, second]) {
    expect(stdout).toContain("exec server cat /secrets/admin-key")
    expect(`${stdout}${stderr}`).not.toContain(key.trim())
  }
})
