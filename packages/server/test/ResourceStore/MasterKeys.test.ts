import * as MasterKeys from "../../src/ResourceStore/MasterKeys.ts"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { randomBytes } from "node:crypto"
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"

const key = () => Redacted.make(randomBytes(32).toString("base64"))
const secret = Redacted.make("sk-canary-0123456789")

const seal = (keys: MasterKeys.MasterKeys["Service"], binding: string) => Effect.runSync(keys.sealer)(secret, binding)

describe("a seal", () => {
  const first = key()
  const keys = MasterKeys.make({ current: first })

  it("opens only with its key and its binding", () => {
    const sealed = seal(keys, "mine")
    const open = (other: MasterKeys.Sealed, binding: string, by = keys) =>
      Effect.runSync(Effect.flip(by.open(other, binding)))
    expect(Redacted.value(Effect.runSync(keys.open(sealed, "mine")))).toBe(Redacted.value(secret))
    expect(open(sealed, "another's")).toMatchObject({ _tag: "BrokenSeal" })
    const bytes = Buffer.from(sealed.ciphertext, "base64")
    for (const at of [0, 12, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      expect(open({ ...sealed, ciphertext: changed.toString("base64") }, "mine")).toMatchObject({ _tag: "BrokenSeal" })
    }
    expect(open({ ...sealed, ciphertext: "" }, "mine")).toMatchObject({ _tag: "BrokenSeal" })
    const stranger = open(sealed, "mine", MasterKeys.make({ current: key() }))
    expect(stranger).toMatchObject({ _tag: "UnknownMasterKey", masterKey: sealed.masterKey })
    expect(stranger.message).toContain("CREWLINE_MASTER_KEY_PREVIOUS")
  })

  it("is never the same twice, and discloses nothing about secret and key", () => {
    const [one, two] = [seal(keys, "mine"), seal(keys, "mine")]
    expect(one.ciphertext).not.toBe(two.ciphertext)
    const shown = inspect([one, keys], { depth: 9 })
    expect(shown).not.toContain(Redacted.value(secret))
    expect(Buffer.from(one.ciphertext, "base64").toString("latin1")).not.toContain("canary")
  })

  it("opens after the key was replaced, if the previous one is known", () => {
    const sealed = seal(keys, "mine")
    const rotated = MasterKeys.make({ current: key(), previous: [key(), first] })
    expect(Redacted.value(Effect.runSync(rotated.open(sealed, "mine")))).toBe(Redacted.value(secret))
    expect(rotated.current).not.toBe(sealed.masterKey)
    expect(seal(rotated, "mine").masterKey).toBe(rotated.current)
  })
})

describe("the environment", () => {
  const read = (env: Record<string, string>) =>
    Effect.runSync(Effect.result(MasterKeys.config.parse(ConfigProvider.fromUnknown(env))))

  it("names the current key and the previous ones; without one nothing is sealed", () => {
    const [current, one, two] = [key(), key(), key()].map((each) => Redacted.value(each))
    const found = read({ CREWLINE_MASTER_KEY: `${current}\n`, CREWLINE_MASTER_KEY_PREVIOUS: `${one}, ${two},` })
    if (found._tag === "Failure") throw found.failure
    expect(Redacted.value(found.success.current!)).toBe(current)
    expect(found.success.previous!.map((each) => Redacted.value(each))).toEqual([one, two])
    for (const env of [{}, { CREWLINE_MASTER_KEY: " ", CREWLINE_MASTER_KEY_PREVIOUS: "" }]) {
      const none = read(env)
      if (none._tag === "Failure") throw none.failure
      const error = Effect.runSync(Effect.flip(MasterKeys.make(none.success).sealer))
      expect(error.message).toContain("CREWLINE_MASTER_KEY")
      expect(error.message).toContain("openssl rand -base64 32")
    }
  })

  it.each(["short", Buffer.alloc(31, 7).toString("base64"), "*".repeat(44)])(
    "is rejected with the reason that %s is not a key",
    (text) => {
      for (const name of ["CREWLINE_MASTER_KEY", "CREWLINE_MASTER_KEY_PREVIOUS"]) {
        const refused = read({ [name]: text })
        if (refused._tag === "Success") throw new Error("It was taken.")
        expect(refused.failure.message).toContain("Expected 32 bytes in base64")
        expect(inspect(refused.failure, { depth: 12 })).toContain(name)
        expect(inspect(refused.failure, { depth: 12 })).not.toContain(text)
      }
    }
  )
})
