/** The most powerful effect of a tool call. */
import * as Schema from "effect/Schema"

/**
 * A call reads, changes files or stored data, runs code, or connects to another machine. If several
 * apply, the last one is the kind of the tool.
 */
export const Kind = Schema.Literals(["read", "write", "execute", "network"])
export type Kind = typeof Kind.Type

/** The kind of a tool that declares none: nothing is known about its code. */
export const defaultKind: Kind = "execute"

/** A description of each kind. */
export const does: { readonly [kind in Kind]: string } = {
  read: "reads",
  write: "changes what is stored",
  execute: "runs code",
  network: "connects to other machines"
}
