/**
 * `npm run verify`: runs what `.ci/run` runs, in the same order: the static checks, then every
 * test, with the coverage of every package, not only of core.
 */
import { root, run } from "./run.mjs"

const node = (script, ...args) => run(process.execPath, [`${root}/scripts/${script}.mjs`, ...args])

const checks = await node("check")
const tests = await node("test", "--coverage")
process.exitCode = checks.code === 0 && tests.code === 0 ? 0 : 1
