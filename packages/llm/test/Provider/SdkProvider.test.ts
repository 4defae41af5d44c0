import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as OptionalSdk from "../../src/Provider/OptionalSdk.ts"
import * as SdkProvider from "../../src/Provider/SdkProvider.ts"

describe("a provider whose SDK is not installed", () => {
  it.effect("fails with a specific reason and the command that installs it, and is not retried", () =>
    Effect.gen(function* () {
      const name = "crewline-test-absent-sdk"
      const provider = SdkProvider.make({
        name: "absent",
        apiKey: "",
        address: "http://127.0.0.1:1",
        quotesBodies: false,
        load: () => import(name).catch(OptionalSdk.named(name, "Absent"))
      })
      const request = { messages: [], tools: [], toolChoice: "none" } as const
      const { message, reason } = yield* Effect.flip(provider.model("small").generate(request))
      assert.strictEqual(reason._tag, "MissingPackage")
      assert.isFalse(reason.isRetryable)
      assert.include(message, `npm install ${name}`)
    })
  )
})
