/** The person at the terminal. */
import type * as Ask from "@crewline/core/Ask"
import { userInfo } from "node:os"

/** The user of this process. */
export const here = (): Ask.Author => {
  try {
    return { name: userInfo().username }
  } catch {
    // A process in a container may run as a user without a name.
    return { name: "anonymous" }
  }
}
