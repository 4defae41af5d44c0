/**
 * Stored secrets for tools. Secrets that a tool has read are redacted in its results, so that no
 * event and no model sees them, even if the called service sends its key back.
 */
import * as Secrets from "@crewline/core/Secrets"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Blanking from "./Blanking.ts"
import { SecretStore } from "./ResourceStore/Secrets.ts"

/** A secret, or a form of it, and its name. */
type Given = Array<readonly [name: string, value: Redacted.Redacted]>

/** The secrets given to the current call; undefined: no call is running. */
const Given: Context.Reference<Given | undefined> = Context.Reference<Given | undefined>(
  "@crewline/server/ToolSecrets/Given",
  { defaultValue: () => undefined }
)

/** A form of the secret that the current call sends, such as an encoded one, is redacted, too. */
export const disclosing = (name: string, value: Redacted.Redacted): Effect.Effect<void> =>
  Effect.map(Given, (given) => {
    given?.push([name, value])
  })

/** The secrets of the current tenant. */
export const layer: Layer.Layer<Secrets.Secrets, never, SecretStore> = Layer.effect(
  Secrets.Secrets,
  Effect.map(SecretStore, (store) =>
    Secrets.Secrets.of({
      get: Effect.fn("ToolSecrets.get")(function* (name) {
        const value = yield* store.valueOf(name).pipe(
          Effect.mapError((error) => {
            const isStore = error._tag === "StoreError"
            const description = isStore ? "The storage does not respond; try again in a moment." : error.message
            return new Secrets.SecretUnavailable({ name, description })
          })
        )
        if (value === undefined) return yield* new Secrets.UnknownSecret({ name })
        yield* disclosing(name, value)
        return value
      })
    })
  )
)

const blanking = (given: Given): Blanking.Blank => {
  const blanks = given.flatMap(([name, value]) => Blanking.of(value, `[secret ${name}]`) ?? [])
  return (value) => blanks.reduce((clean, blank) => blank(clean), value)
}

const guard = (tool: Toolbox.Tool): Toolbox.Tool => ({
  ...tool,
  execute: (args, context) =>
    Effect.suspend(() => {
      const given: Given = []
      return tool.execute(args, context).pipe(
        Effect.mapBoth({
          onSuccess: (result) => (given.length === 0 ? result : blanking(given)(result)),
          onFailure: (error) => {
            if (given.length === 0) return error
            // Its cause may hold anything.
            const message = blanking(given)(error.message)
            const code = error.code === undefined ? {} : { code: error.code }
            if (error._tag === "ToolRetry") return new Toolbox.ToolRetry({ message, ...code })
            return new Toolbox.ToolFailed({
              message,
              ...code,
              ...(error.isDefect === true && { isDefect: true, cause: message })
            })
          }
        }),
        Effect.provideService(Given, given)
      )
    })
})

/** A toolbox whose tools never reveal the secrets that they are given. */
export const guarded = <E, R>(toolbox: Layer.Layer<Toolbox.Toolbox, E, R>): Layer.Layer<Toolbox.Toolbox, E, R> =>
  Layer.effect(
    Toolbox.Toolbox,
    Effect.map(Toolbox.Toolbox, (tools) => {
      const known = new WeakMap<Toolbox.Tool, Toolbox.Tool>()
      const guardedOf = (tool: Toolbox.Tool): Toolbox.Tool => {
        const made = known.get(tool) ?? guard(tool)
        known.set(tool, made)
        return made
      }
      return Toolbox.Toolbox.of({
        ...tools,
        list: Effect.map(tools.list, (all) => all.map(guardedOf)),
        get: (name) => Effect.map(tools.get(name), guardedOf)
      })
    })
  ).pipe(Layer.provide(toolbox))
