/**
 * The startup cost of the command: `crewline --version` and `crewline --help` over `node` with an
 * empty program, in milliseconds. Rounds alternate between them.
 * `npm run -s bench -- startup --json [--rounds 21]`
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { Options, Report } from "./run.ts"
import * as ServeProcess from "./ServeProcess.ts"
import { median } from "./Quantile.ts"

export const options = { rounds: 21 }

const empty = ["-e", "0"]
const cases = [["--version"], ["--help"], ["serve", "--help"]]

const timeOf = async (args: ReadonlyArray<string>): Promise<number> => {
  const from = performance.now()
  const child = spawn(process.execPath, args, { stdio: "ignore" })
  await once(child, "exit")
  return performance.now() - from
}

export const run = async (report: Report, given: Options): Promise<void> => {
  const { rounds } = { ...options, ...given }
  for (const args of cases) {
    const command: Array<number> = []
    const bare: Array<number> = []
    // The first round fills the caches.
    for (let round = 0; round <= rounds; round++) {
      const one = await timeOf([ServeProcess.commandOf(), ...args])
      const other = await timeOf(empty)
      if (round === 0) continue
      command.push(one)
      bare.push(other)
    }
    report({
      bench: "startup",
      case: `crewline ${args.join(" ")}`,
      milliseconds: median(command),
      nodeMilliseconds: median(bare),
      over: median(command.map((millis, round) => millis - bare[round]!)),
      rounds
    })
  }
}
