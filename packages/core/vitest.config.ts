import { packageProject } from "../../vitest.shared.ts"

/** `npm test` measures this package, too; its report stands where tools look for one. */
export default packageProject("core", { lines: 90, reportsDirectory: "../../coverage" })
