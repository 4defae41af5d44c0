/** Flags of commands about a tenant's keys, secrets and audit log. */
import * as Flag from "effect/cli/Flag"

export const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description))

export const common = {
  tenant: text("tenant", "name", "The tenant. Default: that of CREWLINE_KEY, else `default`").pipe(Flag.optional),
  data: text("data", "directory", "Directory of the embedded database. Default: CREWLINE_DATA, else .crewline").pipe(
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))
}
