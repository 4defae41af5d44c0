/**
 * Directories that cannot be written to: each error is in plain words, without names of functions
 * or codes.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import * as Process from "./Process.ts"

const folder = mkdtempSync(join(tmpdir(), "crewline-unwritable-"))
const mounts: Array<string> = []
afterAll(() => {
  for (const mount of mounts) execFileSync("umount", [mount])
  rmSync(folder, { recursive: true, force: true })
})
chmodSync(folder, 0o755)

const crew = join(folder, "crew.yaml")
const task = '{ description: "Add: 6 + 7", expectedOutput: A sum., outputFile: out/report.md }'
const agent = "{ role: Worker, goal: Work, model: scripted/demo }"
writeFileSync(crew, `name: writing\nagents: { worker: ${agent} }\ntasks: { only: ${task} }\n`)

interface Place {
  readonly directory: string
  /** A command that starts Crewline as another user. */
  readonly through?: ReadonlyArray<string>
}

/** Another user and a directory owned by someone else, or the reason why they are not available. */
const ofAnother = (): Place | string => {
  const directory = join(folder, "foreign")
  mkdirSync(directory, { mode: 0o755 })
  const through = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
  try {
    execFileSync("setpriv", [...through.slice(1), process.execPath, "--version"], { stdio: "ignore" })
    return { directory, through }
  } catch {
    return "Crewline cannot be started as another user"
  }
}

const mounted = (name: string, options: string, ballast: number) => (): Place | string => {
  const directory = join(folder, name)
  mkdirSync(directory)
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory], { stdio: "ignore" })
  } catch {
    return "file systems cannot be mounted"
  }
  mounts.push(directory)
  if (ballast > 0) writeFileSync(join(directory, "ballast"), Buffer.alloc(ballast))
  return { directory }
}

const behindFile = (): Place => {
  writeFileSync(join(folder, "file"), "")
  return { directory: join(folder, "file", "inside") }
}

describe.each([
  ["of another user", ofAnother, "permission denied", true],
  ["on a file system that is read-only", mounted("read-only", "ro", 0), "the file system is read-only", true],
  ["on a disk that is full", mounted("full", "size=64k,nr_inodes=4", 64 * 1024), "no space is left on the disk", false],
  ["behind a file", behindFile, "a parent of the path is a file, not a directory", false]
])("a directory %s", { timeout: 120_000 }, (_, make, words, isUnwritable) => {
  const place = make()
  it.skipIf(typeof place === "string")(
    typeof place === "string"
      ? `is skipped: ${place}`
      : "is told in words: as data directory, workspace and working directory",
    async () => {
      const { directory, through = [] } = place as Place
      const raw = /FileSystem\.|PermissionDenied|\bE(ACCES|PERM|ROFS|NOSPC|NOTDIR|EXIST)\b|^ {4}at /m

      const serve = await Process.run(["serve", "--port", "0", "--data", directory], { through })
      expect(serve).toMatchObject({ code: 1, stdout: "" })
      const advice = isUnwritable ? "Make it writable for this user, or choose" : "Choose"
      expect(serve.stderr).toBe(
        `The data directory ${directory} cannot be used: ${words}. ${advice} another one with CREWLINE_DATA.\n`
      )

      const below = await Process.run(["serve", "--port", "0", "--data", join(directory, "a/b")], { through })
      expect(below.stderr).toContain(`/a/b cannot be used: ${words}.`)

      const run = await Process.run(["run", crew, "--workspace", directory], { through })
      expect(run.code).toBe(1)
      expect(run.stderr).toContain(`out/report.md: cannot be written: ${words}`)
      expect(run.stderr).toContain(`The workspace file ${join(directory, "out/report.md")} cannot be written: ${words}`)
      expect(run.stderr.includes("make the workspace directory writable")).toBe(isUnwritable)

      const said = [serve, below, run].map(({ stderr }) => stderr).join("\n")
      expect(said).not.toMatch(raw)
      if (directory.endsWith("inside")) return
      const here = await Process.run(["serve", "--port", "0"], { through, cwd: directory })
      expect(here.code).toBe(1)
      expect(here.stderr).toMatch(new RegExp(`^The data directory .*\\.crewline cannot be used: ${words}\\.`))
      expect(here.stderr).not.toMatch(raw)
    }
  )
})
