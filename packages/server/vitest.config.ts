import { packageProject } from "../../vitest.shared.ts"

export default packageProject("server", { globalSetup: "test/globalSetup.ts" })
