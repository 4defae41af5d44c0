/** The identity of a tool: an approval is not valid for another tool of the same name. */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as CanonicalJson from "../CanonicalJson.ts"
import type { Tool } from "./Definition.ts"
import { defaultKind } from "./Traits.ts"

const known = new WeakMap<Tool, string>()

/**
 * SHA-256, in hexadecimal digits, of the definition of a tool: name, description, schemas, kind,
 * source and backing address. The order of keys does not matter.
 */
export const hashOf = (tool: Tool): Effect.Effect<string> => {
  const made = known.get(tool)
  if (made !== undefined) return Effect.succeed(made)
  const { definition, description, idempotent, kind = defaultKind, name, output, parameters, source = "code" } = tool
  const text = CanonicalJson.stringify({ definition, description, idempotent, kind, name, output, parameters, source })
  return Digest.Digest.use((digest) => digest.digestHex(Digest.sha256, new TextEncoder().encode(text))).pipe(
    Effect.provide(Digest.layerWebCrypto),
    Effect.tap((hash) => Effect.sync(() => known.set(tool, hash)))
  )
}
