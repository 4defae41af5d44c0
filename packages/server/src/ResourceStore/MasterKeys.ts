/**
 * Encrypts secrets before they are stored: AES-256-GCM under a master key that is only in the
 * environment.
 *
 * - Everything sealed carries the id of its master key, which reveals nothing about the key. New
 *   seals are under the current key; what is under a previous one can still be opened.
 * - A seal is bound to a text of its owner's and opens with that text only, so that copying a row
 *   over another one is useless.
 * - No error reveals anything about a secret or a key.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto"

/** A secret as it is stored. */
export interface Sealed {
  /** The id of the master key that opens it. */
  readonly masterKey: string
  /** base64 of nonce (12 bytes), ciphertext and tag (16 bytes). */
  readonly ciphertext: string
}

export interface Options {
  /** Of 32 bytes, in base64. Absent: nothing can be sealed. */
  readonly current?: Redacted.Redacted | undefined
  /** Of 32 bytes each, in base64; they open what was sealed under them. */
  readonly previous?: ReadonlyArray<Redacted.Redacted> | undefined
}

const howTo =
  "set CREWLINE_MASTER_KEY to 32 random bytes in base64 (openssl rand -base64 32) and start the server again"

/** There is no key to seal with. */
export class MasterKeyMissing extends Schema.TaggedError<MasterKeyMissing>()("MasterKeyMissing", {}) {
  override get message() {
    return `The server has no master key to encrypt secrets with: ${howTo}.`
  }
}

/** Sealed under a master key that is not here. The seal is whole: with its key it opens again. */
export class UnknownMasterKey extends Schema.TaggedError<UnknownMasterKey>()("UnknownMasterKey", {
  /** The id of the key that is wanted. */
  masterKey: Schema.String
}) {
  override get message() {
    return (
      `It is encrypted under the master key ${this.masterKey}, which the server does not have: ` +
      "set that key as CREWLINE_MASTER_KEY or CREWLINE_MASTER_KEY_PREVIOUS."
    )
  }
}

/** The stored value was altered, or belongs to another resource. */
export class BrokenSeal extends Schema.TaggedError<BrokenSeal>()("BrokenSeal", {}) {
  override get message() {
    return "The stored secret was changed outside the server and cannot be decrypted."
  }
}

export class MasterKeys extends Context.Service<
  MasterKeys,
  {
    /** The id of the master key that seals; absent where there is none. */
    readonly current: string | undefined
    /** Seals a secret for a binding. */
    readonly sealer: Effect.Effect<(secret: Redacted.Redacted, binding: string) => Sealed, MasterKeyMissing>
    readonly open: (sealed: Sealed, binding: string) => Effect.Effect<Redacted.Redacted, UnknownMasterKey | BrokenSeal>
  }
>()("@crewline/server/ResourceStore/MasterKeys") {}

interface Key {
  readonly id: string
  readonly bytes: Buffer
}

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

const bytesOf = (text: string): Buffer | undefined => {
  const trimmed = text.trim()
  const bytes = Buffer.from(trimmed, "base64")
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(trimmed) && bytes.length === keyBytes ? bytes : undefined
}

const keyOf = (text: Redacted.Redacted): Key => {
  const bytes = bytesOf(Redacted.value(text))
  if (bytes === undefined) throw new Error(`Invalid master key: expected ${keyBytes} bytes in base64.`)
  return { id: createHmac("sha256", bytes).update("crewline master key").digest("hex").slice(0, 16), bytes }
}

const seal = (key: Key, secret: Redacted.Redacted, binding: string): Sealed => {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv("aes-256-gcm", key.bytes, nonce).setAAD(Buffer.from(binding))
  const text = [cipher.update(Redacted.value(secret), "utf8"), cipher.final()]
  return { masterKey: key.id, ciphertext: Buffer.concat([nonce, ...text, cipher.getAuthTag()]).toString("base64") }
}

const unseal = (key: Key, { ciphertext }: Sealed, binding: string): string => {
  const bytes = Buffer.from(ciphertext, "base64")
  const end = bytes.length - tagBytes
  const nonce = bytes.subarray(0, nonceBytes)
  const decipher = createDecipheriv("aes-256-gcm", key.bytes, nonce, { authTagLength: tagBytes })
    .setAAD(Buffer.from(binding))
    .setAuthTag(bytes.subarray(end))
  return decipher.update(bytes.subarray(nonceBytes, end), undefined, "utf8") + decipher.final("utf8")
}

/** Throws on a key that is not 32 bytes in base64; `config` has checked its own. */
export const make = (options: Options = {}): MasterKeys["Service"] => {
  const current = options.current === undefined ? undefined : keyOf(options.current)
  const all = [...(current === undefined ? [] : [current]), ...(options.previous ?? []).map(keyOf)]
  return {
    current: current?.id,
    sealer:
      current === undefined
        ? Effect.fail(new MasterKeyMissing({}))
        : Effect.succeed((secret, binding) => seal(current, secret, binding)),
    open: (sealed, binding) => {
      const key = all.find(({ id }) => id === sealed.masterKey)
      if (key === undefined) return Effect.fail(new UnknownMasterKey({ masterKey: sealed.masterKey }))
      return Effect.try({
        try: () => Redacted.make(unseal(key, sealed, binding)),
        catch: () => new BrokenSeal({})
      })
    }
  }
}

export const layer = (options?: Options): Layer.Layer<MasterKeys> => Layer.sync(MasterKeys, () => make(options))

const variable = (name: string, many: boolean) => {
  const Value = Schema.String.check(
    Schema.makeFilter(
      (value) =>
        keysIn(value, many).every((key) => bytesOf(key) !== undefined) ||
        `Expected ${keyBytes} bytes in base64${many ? ", or several of these separated by commas" : ""} (openssl rand -base64 32)`
    )
  )
  return Config.schema(Value, name).pipe(
    Config.withDefault(""),
    Config.map((value) => keysIn(value, many).map((key) => Redacted.make(key, { label: name })))
  )
}

const keysIn = (value: string, many: boolean): ReadonlyArray<string> =>
  (many ? value.split(",") : [value]).map((key) => key.trim()).filter((key) => key !== "")

/**
 * `CREWLINE_MASTER_KEY`, and `CREWLINE_MASTER_KEY_PREVIOUS` for those that were replaced, separated
 * by commas.
 */
export const config: Config.Config<Options> = Config.all({
  current: Config.map(variable("CREWLINE_MASTER_KEY", false), ([key]) => key),
  previous: variable("CREWLINE_MASTER_KEY_PREVIOUS", true)
})
