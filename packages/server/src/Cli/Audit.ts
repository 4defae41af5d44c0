/** `crewline audit`: who did what. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import type * as Api from "../Api/Audit.ts"
import * as Layout from "./View/Layout.ts"
import * as Output from "./Output.ts"
import * as Resources from "./Resources.ts"
import * as TenantOptions from "./TenantOptions.ts"

export interface Options extends TenantOptions.Options {
  readonly limit: number
  readonly operation: Option.Option<string>
  readonly actor: Option.Option<string>
  readonly resource: Option.Option<string>
  readonly since: Option.Option<string>
  readonly refused: boolean
}

const line = ({ actor, address, at, code, details, operation, resource, status, times, ...entry }: Api.Entry): string =>
  Layout.oneLine(
    [
      at,
      `${actor ?? "nobody known"}${entry.onBehalfOf === undefined ? "" : ` for ${entry.onBehalfOf}`}`,
      operation,
      ...(resource === undefined ? [] : [resource]),
      code === undefined ? `${status}` : `${status} ${code}`,
      ...(address === undefined ? [] : [`from ${address}`]),
      ...(times === 1 ? [] : [`${times} times`]),
      ...Object.entries(details ?? {}).map(
        ([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`
      )
    ].join("  ")
  )

export const list = Effect.fn("Audit.list")(function* (options: Options) {
  const { actor, data, json, limit, operation, refused, resource, since } = options
  const output = yield* Output.Output
  const audit = yield* Resources.audit(data, yield* TenantOptions.tenantOf(options))
  const items = yield* audit.list(limit, {
    ...Record.getSomes({ operation, actor, resource, since }),
    ...(refused && { outcome: "refused" as const })
  })
  if (json) return yield* output.result(JSON.stringify({ items }))
  if (items.length === 0) return yield* output.result("No matching entries.")
  for (const entry of items) yield* output.result(line(entry))
}, Effect.scoped)
