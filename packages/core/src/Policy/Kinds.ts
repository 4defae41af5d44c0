/** What a call of a tool does at most. */
import * as Schema from "effect/Schema"

/**
 * It reads, changes files or what is stored, runs code, or reaches another machine. A tool that
 * does several of these has the last of them as its kind.
 */
export const Kind = Schema.Literals(["read", "write", "execute", "network"])
export type Kind = typeof Kind.Type

/** The kind of a tool that declares none: nothing is known about its code. */
export const defaultKind: Kind = "execute"

/** Each in words. */
export const does: { readonly [kind in Kind]: string } = {
  read: "reads",
  write: "changes what is stored",
  execute: "runs code",
  network: "connects to other machines"
}
