/** `npm run verify`: what `.ci/run` does, and in the same order: the static checks, then every test. */
import { root, run } from "./run.mjs"

const node = (script) => run(process.execPath, [`${root}/scripts/${script}.mjs`])

const checks = await node("check")
const tests = await node("test")
process.exitCode = checks.code === 0 && tests.code === 0 ? 0 : 1
