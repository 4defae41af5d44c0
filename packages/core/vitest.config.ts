import { packageProject } from "../../vitest.shared.ts"

/**
 * `npm test` measures this package, too; its report stands where tools look for one. Test files
 * share a process and the modules that they import, which saves a quarter of the time: they start
 * no servers and change nothing of the process, and one that mocks a module undoes it.
 */
export default packageProject("core", { isolate: false, lines: 90, reportsDirectory: "../../coverage" })
