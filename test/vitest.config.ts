import { project } from "../vitest.shared.ts"

/** Tests of the workspace as a whole: its architecture, its packed packages, its launcher. */
export default project("workspace", ["**/*.test.ts"])
