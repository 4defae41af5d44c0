/** Runs a tool of the workspace, found in node_modules/.bin. */
import { spawn } from "node:child_process"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Resolves with the exit code, and with the output when `capture` is set: stdout, still shown as it
 * comes, or with `quiet` both streams, not shown. A tool that cannot be started, or is killed by a
 * signal, counts as exit code 1.
 */
export const run = (command, args, { capture = false, quiet = false, cwd = root, env = {} } = {}) =>
  new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ["ignore", capture || quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
      shell: process.platform === "win32",
      env: { ...process.env, ...env, PATH: [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter) }
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk) => {
        output += chunk
        if (!quiet) process.stdout.write(chunk)
      })
    }
    child.on("error", (error) => resolve({ code: 1, output: `${command} could not be started: ${error.message}\n` }))
    child.on("close", (code) => resolve({ code: code ?? 1, output }))
  })
