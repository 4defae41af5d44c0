/**
 * The launcher in isolation: a repository with a lockfile, and a PATH that contains only a fake
 * pnpm or npx, which records its arguments. A fresh clone in CI tests the real installation.
 */
import { spawnSync } from "node:child_process"
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"

const folders: Array<string> = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const version = "1.2.3"

/** A fake installation for the launcher: a `node` where the npm package of that name has it. */
const installing = `
  mkdir -p node_modules/node/bin
  printf '#!/bin/sh\\nexec "${process.execPath}" "$@"\\n' > node_modules/node/bin/node
  chmod +x node_modules/node/bin/node
  echo "words of pnpm"`

interface Machine {
  readonly launch: (...args: ReadonlyArray<string>) => {
    readonly code: number | null
    readonly out: string
    readonly err: string
  }
  readonly calls: () => ReadonlyArray<string>
  readonly write: (file: string, text: string) => void
}

const machine = (tools: { readonly [name: string]: string }): Machine => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "crewline-launch-")))
  folders.push(root)
  const log = join(root, "calls")
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  write("calls", "")
  write("package.json", JSON.stringify({ devDependencies: { pnpm: version } }))
  write("pnpm-lock.yaml", "one")
  write("bench/run.ts", `console.log("ran", ...process.argv.slice(2)); process.exit(7)`)
  for (const [name, body] of Object.entries(tools)) {
    write(`bin/${name}`, `#!/bin/sh\necho "${name} $*" >> "${log}"\n${body}\n`)
    chmodSync(join(root, "bin", name), 0o755)
  }
  mkdirSync(join(root, "scripts"))
  copyFileSync(join(import.meta.dirname, "..", "scripts", "launch.mjs"), join(root, "scripts", "launch.mjs"))
  return {
    write,
    calls: () => readFileSync(log, "utf8").split("\n").filter(Boolean),
    launch: (...args) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "scripts", "launch.mjs"), ...args], {
        encoding: "utf8",
        env: { PATH: [join(root, "bin"), "/usr/bin", "/bin"].join(delimiter) }
      })
      return { code: status, out: stdout, err: stderr }
    }
  }
}

const install = "install --frozen-lockfile --prod=false --config.confirm-modules-purge=false"

describe.skipIf(process.platform === "win32")("the launcher", () => {
  it("installs once per lockfile, then runs the command with the Node of the project", () => {
    const { calls, launch, write } = machine({ pnpm: `[ "$1" = --version ] && echo ${version} && exit\n${installing}` })

    const first = launch("bench", "dag", "--json")
    expect(first).toMatchObject({ code: 7, out: "ran dag --json\n" })
    expect(first.err).toContain("installing")
    expect(first.err).not.toContain("words of pnpm")
    expect(calls()).toEqual(["pnpm --version", `pnpm ${install}`])

    expect(launch("bench")).toEqual({ code: 7, out: "ran\n", err: "" })
    expect(calls()).toHaveLength(2)

    write("pnpm-lock.yaml", "two")
    expect(launch("bench").err).toContain("updating")
    expect(calls()).toHaveLength(4)
  })

  it("fetches pnpm when the machine has another one, or none", () => {
    const other = machine({ pnpm: "echo 9.9.9", npx: installing })
    expect(other.launch("bench").code).toBe(7)
    expect(other.calls()).toEqual(["pnpm --version", `npx --yes pnpm@${version} ${install}`])

    const none = machine({ npx: installing })
    expect(none.launch("bench").code).toBe(7)
    expect(none.calls()).toEqual([`npx --yes pnpm@${version} ${install}`])
  })

  it("takes what somebody installed by hand for the same lockfile", () => {
    const { calls, launch, write } = machine({ node: `exec "${process.execPath}" "$@"` })
    write("node_modules/.pnpm/lock.yaml", "one")
    write("node_modules/node/bin/node", `#!/bin/sh\nexec "${process.execPath}" "$@"\n`)
    spawnSync("chmod", ["+x", join(folders[0] ?? "", "node_modules/node/bin/node")])
    expect(launch("bench")).toEqual({ code: 7, out: "ran\n", err: "" })
    expect(calls()).toEqual([])
  })

  it("says why the dependencies could not be installed, and tries again the next time", () => {
    const { calls, launch } = machine({ npx: `echo "no way to the registry" >&2; exit 1` })
    const failed = launch("bench")
    expect(failed).toMatchObject({ code: 1, out: "" })
    expect(failed.err).toContain("no way to the registry")
    expect(failed.err).toContain("could not be installed (exit code 1")
    launch("bench")
    expect(calls()).toHaveLength(2)
  })

  it("names the commands when there is none of the name, before it installs anything", () => {
    const { calls, launch } = machine({ npx: installing })
    const unknown = launch("strat")
    expect(unknown.code).toBe(1)
    expect(unknown.err).toMatch(/There is no command "strat"[\s\S]*start[\s\S]*test[\s\S]*verify/)
    expect(calls()).toEqual([])
  })
})
